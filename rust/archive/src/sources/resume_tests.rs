//! What is given again, and what is not, when a run goes on.

use std::path::PathBuf;

use super::*;
use crate::scratch::{MAIL, MBOX, Scratch};
use crate::units::{Checkpoint, Cutter};

/// Everything that these inputs give from a place on: ids of messages, sentences of problems.
fn from(inputs: &[PathBuf], place: Position) -> Vec<String> {
    let sources = Sources::open(inputs, Options::default()).unwrap();
    sources
        .begin_at(place)
        .map(|item| match item {
            Ok(message) => message.id,
            Err(problem) => problem.to_string(),
        })
        .collect()
}

/// The place behind every message.
fn places(inputs: &[PathBuf]) -> Vec<Position> {
    let mut sources = Sources::open(inputs, Options::default()).unwrap();
    let mut cutter = Cutter::new(inputs, Checkpoint::default());
    let mut places = Vec::new();
    while let Some(item) = sources.next() {
        if let Ok(message) = item {
            cutter.add(&message, sources.position());
            places.push(cutter.place().position);
        }
    }
    places
}

#[test]
fn a_run_goes_on_at_every_message_of_every_source() {
    let scratch = Scratch::new();
    for name in ["tree/1.eml", "tree/2.eml", "tree/cur/3"] {
        scratch.write(name, MAIL);
    }
    scratch.write("tree/box", MBOX.repeat(3));
    scratch.write("tree/z.eml", MAIL);
    let git =
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nA: 1\n\nx\n\n";
    let inputs = [
        scratch.write("first.mbox", MBOX.repeat(4)),
        scratch.path("tree"),
        scratch.path("missing"),
        scratch.write("patches.mbox", git.repeat(3)),
        scratch.write("single.eml", MAIL),
    ];
    let all = from(&inputs, Position::default());
    let missing = all
        .iter()
        .position(|item| item.contains("missing"))
        .unwrap();
    let places = places(&inputs);
    assert_eq!(places.len(), all.len() - 1);
    for (index, place) in places.into_iter().enumerate() {
        let start = index + 1 + usize::from(index >= missing);
        assert_eq!(from(&inputs, place), all.get(start..).unwrap(), "{place:?}");
    }
}

#[test]
fn an_input_that_ends_before_the_place_is_named() {
    let scratch = Scratch::new();
    scratch.write("tree/1.eml", MAIL);
    let inputs = [scratch.path("tree"), scratch.write("b.eml", MAIL)];
    let place = Position {
        messages: 2,
        ..Position::default()
    };
    let found = from(&inputs, place);
    assert_eq!(found.len(), 2);
    assert!(found.first().unwrap().contains("tree: was changed"));
    assert_eq!(found.last().unwrap(), "b.eml");
}
