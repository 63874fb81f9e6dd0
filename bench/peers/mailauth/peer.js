// mailauth (npm) over a corpus folder: keys from a table through its resolver option.
//
// `node peer.js FOLDER dkim|arc LIMIT VERDICTS` prints one JSON line; see bench/peers/__main__.py.
// It runs beside its node_modules, where the packages of package-lock.json are installed.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { dkimVerify } = require('mailauth/lib/dkim/verify');
const { arc } = require('mailauth/lib/arc');

const WARM_UP = 256;
const READ_OCTETS = 1 << 28;

// Reads messages until there are so many; a file may be longer than a Buffer can be.
function readMessages(folder, limit) {
    const file = fs.openSync(path.join(folder, 'messages.bin'), 'r');
    const messages = [];
    let rest = Buffer.alloc(0);
    while (messages.length < limit) {
        const piece = Buffer.allocUnsafe(READ_OCTETS);
        const read = fs.readSync(file, piece, 0, READ_OCTETS, null);
        if (read === 0) {
            break;
        }
        const octets = Buffer.concat([rest, piece.subarray(0, read)]);
        let at = 0;
        while (messages.length < limit && at + 4 <= octets.length) {
            const end = at + 4 + octets.readUInt32LE(at);
            if (end > octets.length) {
                break;
            }
            messages.push(octets.subarray(at + 4, end));
            at = end;
        }
        rest = octets.subarray(at);
    }
    fs.closeSync(file);
    return messages;
}

// Returns what dns.promises.resolve would: for TXT one list of strings for each record.
function readResolver(folder) {
    const zone = JSON.parse(fs.readFileSync(path.join(folder, 'zone.json'), 'utf-8'));
    const records = new Map();
    for (const [name, answer] of Object.entries(zone)) {
        if (Array.isArray(answer.TXT)) {
            records.set(name, answer.TXT.map(text => [].concat(text)));
        }
    }
    return async (name, type) => {
        const found = type === 'TXT' ? records.get(name.toLowerCase()) : undefined;
        if (found === undefined) {
            throw Object.assign(new Error(`queryTxt ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
        }
        return found;
    };
}

async function verdict(message, withArc, resolver) {
    const checked = await dkimVerify(message, { resolver });
    const signatures = checked.results.filter(each => each.type !== 'ARC' && each.signingDomain);
    const line = signatures.map(each => each.status.result).join(',');
    if (!withArc) {
        return line;
    }
    const chain = await arc(checked.arc, { resolver });
    return `${line}|${chain.status.result}`;
}

async function main() {
    const [folder, mode, limit, verdicts] = process.argv.slice(2);
    const messages = readMessages(folder, Number(limit));
    const resolver = readResolver(folder);
    for (const message of messages.slice(0, WARM_UP)) {
        await verdict(message, mode === 'arc', resolver);
    }
    const lines = [];
    const begun = process.cpuUsage();
    for (const message of messages) {
        lines.push(await verdict(message, mode === 'arc', resolver));
    }
    const used = process.cpuUsage(begun);
    fs.writeFileSync(verdicts, lines.map(line => line + '\n').join(''));
    const { version } = require('mailauth/package.json');
    const result = {
        peer: 'mailauth',
        version: `${version} (Node ${process.versions.node})`,
        cpu_seconds: (used.user + used.system) / 1e6,
        messages: messages.length,
        verdicts
    };
    console.log(JSON.stringify(result));
}

main().catch(problem => {
    console.error(problem.message);
    process.exitCode = 1;
});
