// The editors' grammars and the extension, with the libraries that the editors themselves use. Prints "ok NAME" or "not ok NAME: why".
//   node editors.mjs EDITORS FILE...      (FILE: .pb files that parse)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import Module from "node:module";
import assert from "node:assert/strict";
import { buildParser } from "@lezer/generator";

const require = createRequire(import.meta.url);
const { Registry, INITIAL, parseRawGrammar } = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");
const [editors, ...files] = process.argv.slice(2);
let failed = 0;
async function test(name, fn) {
  try {
    await fn();
    console.log("ok " + name);
  } catch (e) {
    console.log("not ok " + name + ": " + String(e.stack ?? e).replace(/\s+/g, " ").slice(0, 600));
    failed++;
  }
}

/* ---- TextMate ---- */
await oniguruma.loadWASM(readFileSync(join(require.resolve("vscode-oniguruma"), "../onig.wasm")).buffer);
const registry = new Registry({
  onigLib: Promise.resolve({ createOnigScanner: (p) => new oniguruma.OnigScanner(p), createOnigString: (s) => new oniguruma.OnigString(s) }),
  loadGrammar: async () => parseRawGrammar(readFileSync(join(editors, "vscode/syntaxes/pb.tmLanguage.json"), "utf-8"), "pb.json"),
});
const grammar = await registry.loadGrammar("source.pb");
function scopes(text) {
  let stack = INITIAL;
  const found = [];
  for (const line of text.split("\n")) {
    const r = grammar.tokenizeLine(line, stack);
    stack = r.ruleStack;
    for (const t of r.tokens) found.push([line.slice(t.startIndex, t.endIndex), t.scopes.at(-1), t.scopes]);
  }
  return { found, stack };
}
await test("textmate: each kind of word has its scope", () => {
  const text = `# a comment
playbook stop_it {
  version  "1.0.0"
  tier     auto
  when guardduty.finding as f
  where f.type like "A:\${x.y}/*\\"" and f.severity >= 5 and not none
  do aws.ec2.CreateTags(Resources: [i]) timeout 30s
  let version = ec2.instance(id) ?? 10GiB # pbc: allow PB0614 "why"
}
action ns.name(a: string): bool contain on a { }`;
  const { found } = scopes(text);
  const scope = (word, nth = 0) => found.filter(([t]) => t.trim() === word)[nth]?.[1];
  for (const [word, want, nth] of [["playbook", "keyword.declaration.pb"], ["stop_it", "entity.name.function.pb"], ["tier", "support.type.property-name.pb"], ["auto", "constant.language.tier.pb"],
    ["where", "keyword.control.pb"], ["like", "keyword.operator.word.pb"], ["none", "constant.language.pb"], ["CreateTags", "support.function.aws.pb"], ["Resources", "variable.parameter.pb"],
    ["30s", "constant.numeric.pb"], ["10GiB", "constant.numeric.pb"], ["ec2.instance", "entity.name.function.call.pb"], ["contain", "storage.modifier.effect.pb"], ["string", "storage.type.pb"], ["allow", "keyword.other.directive.pb"], ["type", "variable.other.member.pb"]])
    assert.equal(scope(word, nth), want, word);
  assert.ok(found.some(([t, , all]) => t.includes("x") && all.includes("meta.interpolation.pb")), "interpolation");
});
await test("textmate: no file leaves a string open", () => {
  for (const f of files) assert.equal(scopes(readFileSync(f, "utf-8")).stack.depth, 1, f);
});

/* ---- Lezer ---- */
let parser;
await test("lezer: the grammar is built", () => {
  parser = buildParser(readFileSync(join(editors, "lezer/pb.grammar"), "utf-8"), { fileName: "pb.grammar" });
});
function errors(text) {
  let n = 0, at = -1;
  parser.parse(text).iterate({ enter(x) { if (x.type.isError && n++ === 0) at = x.from; } });
  return n ? text.slice(Math.max(0, at - 80), at + 40) : null;
}
await test("lezer: every file is parsed whole", () => {
  for (const f of files) assert.equal(errors(readFileSync(f, "utf-8")), null, f);
});
await test("lezer: what is wrong is found to be so", () => {
  for (const text of ["playbook { }", 'playbook p { do }', "fn a( = 1", 'let x = 1', 'playbook p { when a as b where }']) assert.ok(errors(text), text);
});
await test("lezer: its words are the compiler's", async () => {
  const { words } = await import(join(editors, "lezer/words.js"));
  const known = new Set(Object.values(words).flat()), used = [...readFileSync(join(editors, "lezer/pb.grammar"), "utf-8").matchAll(/kw<"(\w+)">/g)].map((m) => m[1]);
  for (const w of used) assert.ok(known.has(w) || ["account", "outcome"].includes(w), w + " is no keyword of the compiler");
  for (const kind of ["declaration", "statement", "operator", "constant"]) for (const w of words[kind]) assert.ok(used.includes(w), w + " is not in pb.grammar");
});

/* ---- the VS Code extension, with an editor that only writes down what it is told ---- */
await test("extension: buttons, commands, quoting, the server", async () => {
  const told = { commands: new Map(), sent: [], started: 0, stopped: 0, messages: [] };
  class Range { constructor(...a) { this.start = { line: a[0], character: a[1] }; } }
  const text = 'playbook one {\n}\n  test "it\'s \\"fine\\"" for one {\n}\n';
  const document = {
    languageId: "pb", uri: { scheme: "file", fsPath: "/tmp/a b/x.pb" }, save: async () => true, getText: () => text,
    lineCount: text.split("\n").length, lineAt: (i) => ({ text: text.split("\n")[i] }),
  };
  const vscode = {
    Range, CodeLens: class { constructor(range, command) { Object.assign(this, { range, command }); } }, ViewColumn: { Beside: 2 },
    commands: { registerCommand: (n, f) => (told.commands.set(n, f), { dispose() {} }), executeCommand: (n) => told.commands.get(n)() },
    languages: { registerCodeLensProvider: (s, p) => ((told.lenses = p), { dispose() {} }) },
    workspace: { getConfiguration: () => ({ get: () => "/opt/my tools/pbc" }), openTextDocument: async () => document, onDidChangeConfiguration: () => ({ dispose() {} }) },
    window: {
      createOutputChannel: () => ({ dispose() {} }), activeTextEditor: { document }, createTerminal: () => ({ show() {}, sendText: (t) => told.sent.push(t) }),
      showErrorMessage: (m) => told.messages.push(m), showInformationMessage: (m) => told.messages.push(m),
      showOpenDialog: async () => [{ fsPath: "/tmp/e.json" }],
    },
  };
  class LanguageClient { constructor(id, name, server) { told.server = server; } async start() { told.started++; } async stop() { told.stopped++; } }
  const load = Module._load;
  Module._load = (name, ...rest) => (name === "vscode" ? vscode : name === "vscode-languageclient/node" ? { LanguageClient } : load(name, ...rest));
  const extension = require(join(editors, "vscode/extension.js"));
  Module._load = load;
  await extension.activate({ subscriptions: [] });
  assert.deepEqual([told.server.run.command, told.server.run.args, told.started], ["/opt/my tools/pbc", ["lsp"], 1]);
  const lenses = told.lenses.provideCodeLenses(document);
  assert.deepEqual(lenses.map((l) => [l.range.start.line, l.command.command]), [[0, "playbooks.test"], [0, "playbooks.plan"], [0, "playbooks.flow"], [2, "playbooks.testOne"]]);
  const contributed = JSON.parse(readFileSync(join(editors, "vscode/package.json"), "utf-8")).contributes.commands.map((c) => c.command);
  assert.deepEqual([...told.commands.keys()].sort(), contributed.sort());
  for (const l of lenses.filter((x) => x.command.command !== "playbooks.flow")) await told.commands.get(l.command.command)(...l.command.arguments);
  assert.deepEqual(told.sent, [
    "'/opt/my tools/pbc' test '/tmp/a b/x.pb'", "'/opt/my tools/pbc' check --event /tmp/e.json '/tmp/a b/x.pb'",
    `'/opt/my tools/pbc' test '/tmp/a b/x.pb' --filter 'it'\\''s "fine"'`]);
  await told.commands.get("playbooks.flow")();
  assert.match(told.messages.at(-1), /pbc/); // there is no such compiler: said, not thrown
  await told.commands.get("playbooks.restart")();
  await extension.deactivate();
  assert.deepEqual([told.started, told.stopped], [2, 2]);
});
process.exit(failed ? 1 : 0);
