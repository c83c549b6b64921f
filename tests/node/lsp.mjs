// Talks to `pbc lsp` with the client side of Microsoft's own protocol library. Prints "ok NAME" or "not ok NAME: why".
//   node lsp.mjs PBC FOLDER        (FOLDER: a workspace that the test may write to)
import { spawn } from "node:child_process";
import { writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";
import lsp from "vscode-languageserver-protocol/node";

const [pbc, folder] = process.argv.slice(2);
const LIB = `# Owners of things.
type Owner { name: string  mail: string? }
fn domain(o: Owner): string = o.mail.split("@").last() ?? "unknown"

# Tells an owner.
action team.tell(o: Owner, text: string) notify {
  do slack.notify("#security", "\${o.name} (\${domain(o)}): \${text}")
}
`;
const MAIN = `import "lib.pb"

param alerts: string = "#a"

playbook tell {
  version  "1.0.0"
  summary  "🔥 Tell the owner"
  owner    "o@example.com"
  tier     auto
  controls ["SOC2-CC7.3"]

  when guardduty.finding as f
  where f.severity >= 5

  let id = f.resource.instanceDetails.instanceId
  where id exists
  let i = ec2.instance(id)
  do aws.ec2.CreateTags(Resources: [id], Tags: [{ Key: "Seen", Value: "🔥 yes" }])
  do team.tell({ name: "x", mail: none }, "\${i.id} \${alerts}")
  do ec2.tag(i, { A: "b" }) as tagged
  record { affected_resource: i.arn, tagged: tagged.changed }
}
`;
writeFileSync(join(folder, "pb.root"), "");
writeFileSync(join(folder, "lib.pb"), LIB);
writeFileSync(join(folder, "main.pb"), MAIN);
const uri = (name) => pathToFileURL(join(folder, name)).href;

const child = spawn(pbc, ["lsp"], { stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((r) => child.on("exit", (code, signal) => r(code ?? signal)));
const connection = lsp.createProtocolConnection(new lsp.StreamMessageReader(child.stdout), new lsp.StreamMessageWriter(child.stdin));
const published = new Map(), waiting = [];
connection.onNotification(lsp.PublishDiagnosticsNotification.type, (p) => {
  published.set(p.uri, p);
  for (const w of waiting.splice(0)) w();
});
connection.onError((e) => console.log("not ok connection: " + e));
connection.listen();

const failures = [];
async function test(name, fn) {
  try {
    await fn();
    console.log("ok " + name);
  } catch (e) {
    console.log("not ok " + name + ": " + String(e.stack ?? e).replace(/\s+/g, " ").slice(0, 600));
    failures.push(name);
  }
}
const ask = (type, params) => connection.sendRequest(type, params);
const doc = (name) => ({ textDocument: { uri: uri(name) } });
// Places as the protocol counts them, by this library's own text document rules: UTF-16 units.
function place(text, part, offset = 0) {
  const i = text.indexOf(part) + offset;
  assert.ok(i >= offset, "no " + part);
  const before = text.slice(0, i).split("\n");
  return { line: before.length - 1, character: before.at(-1).length };
}
function cut(text, range) {
  const lines = text.split("\n");
  assert.equal(range.start.line, range.end.line);
  return lines[range.start.line].slice(range.start.character, range.end.character);
}
let version = 1;
const sent = new Map();
async function change(name, text) {
  sent.set(uri(name), version + 1);
  await connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, { textDocument: { uri: uri(name), version: ++version }, contentChanges: [{ text }] });
  await diagnostics(name);
}
async function diagnostics(name) {
  // Those of a state before are not meant: each says the version that it is about.
  const fresh = () => published.has(uri(name)) && published.get(uri(name)).version === (sent.get(uri(name)) ?? 1);
  for (let i = 0; i < 200 && !fresh(); i++) await Promise.race([new Promise((r) => waiting.push(r)), new Promise((r) => setTimeout(r, 50))]);
  return published.get(uri(name)).diagnostics;
}
function apply(text, edits) {
  const at = (p) => text.split("\n").slice(0, p.line).join("\n").length + (p.line ? 1 : 0) + p.character;
  return edits.map((e) => ({ s: at(e.range.start), e: at(e.range.end), t: e.newText })).sort((a, b) => b.s - a.s).reduce((t, e) => t.slice(0, e.s) + e.t + t.slice(e.e), text);
}

let server;
await test("initialize", async () => {
  server = await ask(lsp.InitializeRequest.type, { processId: process.pid, rootUri: null, workspaceFolders: [{ uri: pathToFileURL(folder).href, name: "w" }], capabilities: {} });
  assert.equal(server.capabilities.positionEncoding, "utf-16");
  await connection.sendNotification(lsp.InitializedNotification.type, {});
});
await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, { textDocument: { uri: uri("main.pb"), languageId: "pb", version, text: MAIN } });

await test("a good file has no diagnostics", async () => assert.deepEqual(await diagnostics("main.pb"), []));

await test("a mistake is shown where it is, with its code and the cure", async () => {
  await change("main.pb", MAIN.replace("f.severity", "f.severty"));
  const [d] = await diagnostics("main.pb");
  assert.equal(cut(MAIN.replace("f.severity", "f.severty"), d.range), "severty");
  assert.match(d.code, /^PB\d{4}$/);
  assert.match(d.message, /severity/);
  assert.equal(d.severity, lsp.DiagnosticSeverity.Error);
});

await test("its fix mends it", async () => {
  const wrong = MAIN.replace("f.severity", "f.severty");
  const [d] = await diagnostics("main.pb");
  const actions = await ask(lsp.CodeActionRequest.type, { ...doc("main.pb"), range: d.range, context: { diagnostics: [d] } });
  assert.ok(actions.length >= 1, "no action");
  assert.equal(apply(wrong, actions[0].edit.changes[uri("main.pb")]), MAIN);
  await change("main.pb", MAIN);
  assert.deepEqual(await diagnostics("main.pb"), []);
});

await test("columns count UTF-16 units, also behind an emoji", async () => {
  const wrong = MAIN.replace('"🔥 yes" }]', '"🔥 yes", Vlue: 1 }]');
  await change("main.pb", wrong);
  const [d] = await diagnostics("main.pb");
  assert.equal(cut(wrong, d.range), "Vlue");
  await change("main.pb", MAIN);
});

await test("hover: types, actions with their comments, AWS's documentation", async () => {
  const at = async (part, offset) => (await ask(lsp.HoverRequest.type, { ...doc("main.pb"), position: place(MAIN, part, offset) })).contents.value;
  assert.match(await at("i.arn", 0), /i: Instance/);
  assert.match(await at("ec2.instance(", 5), /Looks an instance up/);
  assert.match(await at("CreateTags", 2), /aws\.ec2\.CreateTags.*contain/s);
  assert.match(await at("Resources:", 2), /Resources: list/);
  assert.match(await at("f.severity", 4), /severity: float/);
  assert.match(await at("team.tell", 2), /Tells an owner/);
});

await test("definition: in this file, in an imported one, nowhere", async () => {
  const def = (part, offset) => ask(lsp.DefinitionRequest.type, { ...doc("main.pb"), position: place(MAIN, part, offset) });
  const local = await def("i.arn", 0);
  assert.equal(cut(MAIN, local.range), "i");
  assert.equal(local.range.start.line, place(MAIN, "let i =").line);
  const other = await def("team.tell", 6);
  assert.equal(other.uri, uri("lib.pb"));
  assert.equal(cut(LIB, other.range), "team.tell");
  assert.equal(await def("CreateTags", 2), null);
});

await test("references across files", async () => {
  await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, { textDocument: { uri: uri("lib.pb"), languageId: "pb", version: 1, text: LIB } });
  const refs = await ask(lsp.ReferencesRequest.type, { ...doc("lib.pb"), position: place(LIB, "Owner {", 2), context: { includeDeclaration: true } });
  assert.equal(refs.length, 3);
  const uses = await ask(lsp.ReferencesRequest.type, { ...doc("lib.pb"), position: place(LIB, "team.tell", 6), context: { includeDeclaration: false } });
  assert.deepEqual(uses.map((u) => u.uri), [uri("main.pb")]);
});

await test("rename changes each place and nothing else", async () => {
  const where = { ...doc("main.pb"), position: place(MAIN, "alerts}", 2) };
  assert.equal(cut(MAIN, await ask(lsp.PrepareRenameRequest.type, where)), "alerts");
  const edit = await ask(lsp.RenameRequest.type, { ...where, newName: "channel" });
  assert.equal(apply(MAIN, edit.changes[uri("main.pb")]), MAIN.replaceAll("alerts", "channel"));
  assert.deepEqual(Object.keys(edit.changes), [uri("main.pb")]);
});

await test("what is not the user's cannot be renamed, nor to what is no name", async () => {
  assert.equal(await ask(lsp.PrepareRenameRequest.type, { ...doc("main.pb"), position: place(MAIN, "ec2.instance(", 5) }), null);
  assert.equal(await ask(lsp.PrepareRenameRequest.type, { ...doc("main.pb"), position: place(MAIN, "CreateTags", 2) }), null);
  assert.equal(await ask(lsp.RenameRequest.type, { ...doc("main.pb"), position: place(MAIN, "i.arn"), newName: "a b" }), null);
});

async function complete(insert) {
  const text = MAIN.replace("  do team.tell", insert + "\n  do team.tell");
  await change("main.pb", text);
  const items = await ask(lsp.CompletionRequest.type, { ...doc("main.pb"), position: place(text, insert, insert.length) });
  await change("main.pb", MAIN);
  return items.map((i) => i.label);
}
const has = (labels, ...wanted) => { for (const w of wanted) assert.ok(labels.includes(w), w + " is not in " + labels.slice(0, 20)); };

await test("completion: members of what stands before the dot", async () => {
  has(await complete("  where f.resource."), "instanceDetails", "accessKeyDetails");
  has(await complete("  where f.resource.instanceDetails.inst"), "instanceId");
  has(await complete('  let x = i.tags["a"].'), "split", "lower");
  has(await complete('  do slack.notify("#a", "it is ${i.'), "id", "state", "tags");
});
await test("completion: services, operations, actions, arguments, names", async () => {
  has(await complete("  do aws."), "ec2", "iam", "s3");
  has(await complete("  do aws.ec2.Cre"), "CreateTags", "CreateSnapshots");
  has(await complete("  do ec2."), "isolate", "tag");
  has(await complete("  do team."), "tell");
  has(await complete("  do aws.ec2.CreateSnapshot("), "VolumeId", "id", "i");
  has(await complete("  do ec2.isolate("), "i", "cut");
  has(await complete("  "), "let", "do", "approve", "record");
});
await test("nothing is offered inside text and comments", async () => {
  assert.deepEqual(await complete('  do slack.notify("#a", "f.'), []);
  assert.deepEqual(await complete("  # f."), []);
});

await test("signature help", async () => {
  const text = MAIN.replace("  do team.tell", "  do ec2.tag(i, {})\n  do team.tell");
  await change("main.pb", text);
  const help = await ask(lsp.SignatureHelpRequest.type, { ...doc("main.pb"), position: place(text, "ec2.tag(i, {}", 11) });
  assert.match(help.signatures[0].label, /ec2\.tag\(i: Instance/);
  assert.equal(help.activeParameter, 1);
  await change("main.pb", MAIN);
});

await test("document symbols", async () => {
  const names = (await ask(lsp.DocumentSymbolRequest.type, doc("lib.pb"))).map((s) => s.name);
  assert.deepEqual(names, ["Owner", "domain", "team.tell"]);
});

await test("formatting gives what pbc fmt gives, and nothing when all is well", async () => {
  const messy = MAIN.replace("  let id =", "      let    id   =");
  await change("main.pb", messy);
  const edits = await ask(lsp.DocumentFormattingRequest.type, { ...doc("main.pb"), options: { tabSize: 2, insertSpaces: true } });
  const good = apply(messy, edits);
  assert.match(good, /\n  let id = f\.resource/);
  await change("main.pb", good);
  assert.deepEqual(await ask(lsp.DocumentFormattingRequest.type, { ...doc("main.pb"), options: { tabSize: 2, insertSpaces: true } }), []);
  await change("main.pb", MAIN);
});

await test("semantic tokens lie on the names they colour", async () => {
  const { data } = await ask(lsp.SemanticTokensRequest.type, doc("main.pb"));
  const legend = server.capabilities.semanticTokensProvider.legend;
  const seen = new Map();
  for (let i = 0, line = 0, column = 0; i < data.length; i += 5) {
    line += data[i];
    column = data[i] ? data[i + 1] : column + data[i + 1];
    const text = MAIN.split("\n")[line].slice(column, column + data[i + 2]);
    assert.match(text, /^[\w.]+$/);
    seen.set(text, legend.tokenTypes[data[i + 3]]);
  }
  for (const [text, kind] of [["CreateTags", "method"], ["ec2.instance", "method"], ["alerts", "parameter"], ["severity", "property"], ["i", "variable"]]) assert.equal(seen.get(text), kind, text);
});

await test("inlay hints say what a call may do", async () => {
  const hints = await ask(lsp.InlayHintRequest.type, { ...doc("main.pb"), range: { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } } });
  const at = (part) => hints.filter((h) => h.position.line === place(MAIN, part).line).map((h) => h.label);
  assert.deepEqual(at("CreateTags"), ["contain"]);
  assert.deepEqual(at("let i ="), [": Instance"]);
});

await test("what one document has not saved counts in those that import it", async () => {
  await change("lib.pb", LIB.replace("fn domain", "fn no_domain").replace("${domain(o)}", "${no_domain(o)}").replace("team.tell", "team.say"));
  await change("main.pb", MAIN + "\n");
  const list = await diagnostics("main.pb");
  assert.ok(list.some((d) => /team\.tell/.test(d.message)), JSON.stringify(list));
  await change("lib.pb", LIB);
  await change("main.pb", MAIN);
  assert.deepEqual(await diagnostics("main.pb"), []);
});

await test("any half of a file is survived", async () => {
  for (let n = 0; n < MAIN.length; n += 7) {
    const text = MAIN.slice(0, n);
    await connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, { textDocument: { uri: uri("main.pb"), version: ++version }, contentChanges: [{ text }] });
    const end = place(text + "\0", "\0");
    await ask(lsp.CompletionRequest.type, { ...doc("main.pb"), position: end });
    await ask(lsp.HoverRequest.type, { ...doc("main.pb"), position: end });
    await ask(lsp.SignatureHelpRequest.type, { ...doc("main.pb"), position: end });
  }
});

await test("an unknown method and a closed document are errors, not an end", async () => {
  await assert.rejects(connection.sendRequest("textDocument/nothing", {}), (e) => e.code === lsp.ErrorCodes.MethodNotFound);
  await assert.rejects(ask(lsp.HoverRequest.type, { ...doc("no.pb"), position: { line: 0, character: 0 } }), (e) => e.code === lsp.ErrorCodes.InvalidParams);
  await connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, doc("main.pb"));
  assert.equal(readFileSync(join(folder, "main.pb"), "utf-8"), MAIN);
});

await test("shutdown and exit", async () => {
  await ask(lsp.ShutdownRequest.type, undefined);
  await connection.sendNotification(lsp.ExitNotification.type);
  assert.equal(await ended, 0);
});
process.exit(failures.length ? 1 : 0);
