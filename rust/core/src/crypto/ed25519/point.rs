//! Points of edwards25519 in lanes, and their addition (RFC 8032 §5.1.4).
//!
//! Knows the group law, which is complete: it needs no exception for any point of the curve, of small order or not.
//! Must not know scalars or whose points they are.

use archmage::rite;

use super::field::{
    Element, LIMBS, Limbs, ROOT_OF_MINUS_ONE, broadcast, choose, columns, difference, invert_all,
    limbs, multiply, octets, product, reduce, root_power, settle, square, square_product, sum,
};

/// The curve's d (RFC 8032 §5.1).
const D: Limbs = [
    0xb_4dca_1359_78a3,
    0x4_d414_1d8a_b75e,
    0x7_79e8_9800_700a,
    0xf_e738_cc74_0797,
    0x0_5203_6cee_2b6f,
];
/// Twice d.
const TWICE_D: Limbs = [
    0x6_9b94_26b2_f159,
    0x9_a828_3b15_6ebd,
    0xe_f3d1_3000_e014,
    0xf_ce71_98e8_0f2e,
    0x0_2406_d9dc_56df,
];
const ONE: Limbs = [1, 0, 0, 0, 0];

/// Eight points in extended coordinates, of which X and Y are kept as Y + X and Y - X.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) sum: Element,
    pub(super) difference: Element,
    pub(super) z: Element,
    pub(super) t: Element,
}

/// Eight points as the second summand: y + x, y - x and 2 d x y.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    pub(super) sum: Element,
    pub(super) difference: Element,
    pub(super) product: Element,
}

/// The neutral point in all lanes.
#[rite(v4x, import_intrinsics)]
pub(super) fn neutral() -> Point {
    let one = broadcast(&ONE);
    Point {
        sum: one,
        difference: one,
        z: one,
        t: broadcast(&[0; LIMBS]),
    }
}

/// The last step of every addition: X = EF, Y = GH, T = EH, Z = FG.
#[rite(v4x, import_intrinsics)]
fn combine(e: &Element, f: &Element, g: &Element, h: &Element) -> Point {
    let (x, y) = (product(e, f), product(g, h));
    Point {
        sum: settle(&sum(&y, &x)),
        difference: settle(&difference(&y, &x)),
        z: multiply(f, g),
        t: multiply(e, h),
    }
}

/// point + affine; minus affine in the lanes of `negative`.
#[rite(v4x, import_intrinsics)]
pub(super) fn add_affine(point: &Point, affine: &Affine, negative: u8) -> Point {
    let other_sum = choose(negative, &affine.sum, &affine.difference);
    let other_difference = choose(negative, &affine.difference, &affine.sum);
    let a = product(&point.difference, &other_difference);
    let b = product(&point.sum, &other_sum);
    let c = product(&point.t, &affine.product);
    let twice_z = sum(&point.z, &point.z);
    let (minus, plus) = (difference(&twice_z, &c), sum(&twice_z, &c));
    let f = settle(&choose(negative, &minus, &plus));
    let g = settle(&choose(negative, &plus, &minus));
    let (e, h) = (settle(&difference(&b, &a)), settle(&sum(&b, &a)));
    combine(&e, &f, &g, &h)
}

/// one + other.
#[rite(v4x, import_intrinsics)]
pub(super) fn add_points(one: &Point, other: &Point) -> Point {
    let a = product(&one.difference, &other.difference);
    let b = product(&one.sum, &other.sum);
    let c = product(&one.t, &multiply(&other.t, &broadcast(&TWICE_D)));
    let z = product(&one.z, &other.z);
    let twice_z = sum(&z, &z);
    let (e, h) = (settle(&difference(&b, &a)), settle(&sum(&b, &a)));
    let (f, g) = (
        settle(&difference(&twice_z, &c)),
        settle(&sum(&twice_z, &c)),
    );
    combine(&e, &f, &g, &h)
}

/// Twice the point; all coordinates come out as four times those of the text, which are the same point.
#[rite(v4x, import_intrinsics)]
pub(super) fn double(point: &Point) -> Point {
    let (one, other) = (
        square_product(&point.sum),
        square_product(&point.difference),
    );
    let g = multiply(&point.sum, &point.difference);
    let twice = sum(&g, &g);
    let z = square(&point.z);
    let four = sum(&sum(&z, &z), &sum(&z, &z));
    let (e, h) = (
        settle(&difference(&one, &other)),
        settle(&sum(&one, &other)),
    );
    combine(&e, &settle(&difference(&four, &twice)), &settle(&twice), &h)
}

/// The points' x and y.
#[rite(v4x, import_intrinsics)]
pub(super) fn coordinates(points: &[Point]) -> Vec<[Element; 2]> {
    // Both sums hold their coordinate twice.
    let twice = |point: &Point| settle(&sum(&point.z, &point.z));
    let mut inverses = Vec::with_capacity(points.len());
    for point in points {
        inverses.push(twice(point));
    }
    invert_all(&mut inverses);
    let mut coordinates = Vec::with_capacity(points.len());
    for (point, inverse) in points.iter().zip(&inverses) {
        let x = settle(&difference(&point.sum, &point.difference));
        let y = settle(&sum(&point.sum, &point.difference));
        coordinates.push([multiply(&x, inverse), multiply(&y, inverse)]);
    }
    coordinates
}

/// y + x, y - x and 2 d x y.
#[rite(v4x, import_intrinsics)]
pub(super) fn affine([x, y]: &[Element; 2]) -> Affine {
    Affine {
        sum: settle(&sum(y, x)),
        difference: settle(&difference(y, x)),
        product: multiply(&multiply(x, y), &broadcast(&TWICE_D)),
    }
}

/// The points' 32 octets, lane by lane (RFC 8032 §5.1.2).
#[rite(v4x, import_intrinsics)]
pub(super) fn encode([x, y]: &[Element; 2]) -> [[u8; 32]; 8] {
    let (x, y) = (columns(x), columns(y));
    std::array::from_fn(|lane| {
        let mut encoded = octets(&y, lane);
        encoded[31] |= octets(&x, lane)[0] << 7;
        encoded
    })
}

/// The negative of the point that 32 octets stand for, in all lanes; `None` when they are no point.
///
/// Stricter than RFC 8032 §5.1.3 in nothing: a y beyond the prime and a zero x with a sign are refused there, too.
#[rite(v4x, import_intrinsics)]
pub(super) fn decode_negative(encoded: &[u8; 32]) -> Option<Point> {
    let number = limbs(encoded);
    if reduce(&number) != number {
        return None;
    }
    let (one, y) = (broadcast(&ONE), broadcast(&number));
    let square_of_y = square(&y);
    let u = settle(&difference(&square_of_y, &one));
    let v = settle(&sum(&multiply(&square_of_y, &broadcast(&D)), &one));
    let cube = multiply(&square(&v), &v);
    let seventh = multiply(&square(&cube), &v);
    let power = root_power(&multiply(&u, &seventh));
    let root = multiply(&multiply(&u, &cube), &power);
    let found = multiply(&v, &square(&root));
    let first = |element: &Element| octets(&columns(element), 0);
    let minus_u = settle(&difference(&broadcast(&[0; LIMBS]), &u));
    let root = if first(&found) == first(&u) {
        root
    } else if first(&found) == first(&minus_u) {
        multiply(&root, &broadcast(&ROOT_OF_MINUS_ONE))
    } else {
        return None;
    };
    let sign = encoded[31] >> 7;
    let plain = first(&root);
    if plain == [0; 32] && sign == 1 {
        return None;
    }
    // The negative has the other sign.
    let x = if plain[0] & 1 == sign {
        settle(&difference(&broadcast(&[0; LIMBS]), &root))
    } else {
        root
    };
    Some(Point {
        sum: settle(&sum(&y, &x)),
        difference: settle(&difference(&y, &x)),
        z: one,
        t: multiply(&x, &y),
    })
}
