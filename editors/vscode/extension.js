// The extension: starts `pbc lsp` for .pb files, and puts buttons above playbooks and tests. Everything that is known about the
// language is known by the server; here are only the ways to ask it.
const { execFile } = require("node:child_process");
const path = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client, output, terminal;

const compiler = () => vscode.workspace.getConfiguration("playbooks").get("pbc") || "pbc";

async function start() {
  const run = { command: compiler(), args: ["lsp"] };
  client = new LanguageClient("playbooks", "Playbooks", { run, debug: run }, { documentSelector: [{ language: "pb" }], outputChannel: output });
  try {
    await client.start();
  } catch (e) {
    vscode.window.showErrorMessage(`\`${compiler()} lsp\` cannot be started: ${e.message}. Set "playbooks.pbc" to where pbc is.`);
  }
}

async function stop() {
  const c = client;
  client = undefined;
  if (c) await c.stop();
}

// One shell argument, whatever it holds.
function quoted(word) {
  if (process.platform === "win32") return `"${word.replace(/"/g, '""')}"`;
  return /^[\w./:@=-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

function inTerminal(args, cwd) {
  if (!terminal || terminal.exitStatus !== undefined) terminal = vscode.window.createTerminal({ name: "Playbooks", cwd });
  terminal.show(true);
  terminal.sendText([compiler(), ...args].map(quoted).join(" "));
}

async function current(uri) {
  const document = uri ? await vscode.workspace.openTextDocument(uri) : vscode.window.activeTextEditor?.document;
  if (!document || document.languageId !== "pb" || document.uri.scheme !== "file") {
    vscode.window.showInformationMessage("Open a playbook (.pb) first.");
    return undefined;
  }
  await document.save();
  return document;
}

async function test(uri) {
  const d = await current(uri);
  if (d) inTerminal(["test", d.uri.fsPath], path.dirname(d.uri.fsPath));
}

async function testOne(uri, title) {
  const d = await current(uri);
  if (d) inTerminal(["test", d.uri.fsPath, "--filter", title], path.dirname(d.uri.fsPath));
}

async function plan(uri) {
  const d = await current(uri);
  const picked = d && (await vscode.window.showOpenDialog({ title: "An event to plan with", canSelectMany: false, filters: { JSON: ["json"] } }));
  if (picked?.length) inTerminal(["check", "--event", picked[0].fsPath, d.uri.fsPath], path.dirname(d.uri.fsPath));
}

function graph(file, name) {
  return new Promise((resolve, reject) =>
    execFile(compiler(), ["graph", "--as", "svg", "--playbook", name, file], { maxBuffer: 16 << 20 }, (e, out, err) => (e ? reject(new Error(err.trim() || e.message)) : resolve(out))),
  );
}

const PLAYBOOK = /^playbook\s+(\w+)/;
const TEST = /^\s*test\s+"((?:[^"\\]|\\.)*)"\s+for\s+(\w+)/;

async function flow(uri, name) {
  const d = await current(uri);
  if (!d) return;
  const wanted = name ?? d.getText().split("\n").map((l) => PLAYBOOK.exec(l)?.[1]).find(Boolean);
  if (!wanted) return void vscode.window.showInformationMessage("There is no playbook in this file.");
  try {
    const svg = await graph(d.uri.fsPath, wanted);
    const panel = vscode.window.createWebviewPanel("playbooks.flow", wanted, vscode.ViewColumn.Beside, { enableScripts: false });
    panel.webview.html = `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">${svg}`;
  } catch (e) {
    vscode.window.showErrorMessage(e.message);
  }
}

// The buttons. By lines: they have to be there in a file that does not compile too.
const lenses = {
  provideCodeLenses(document) {
    const found = [];
    for (let i = 0; i < document.lineCount; i++) {
      const line = document.lineAt(i).text;
      const at = new vscode.Range(i, 0, i, line.length);
      const add = (title, command, ...args) => found.push(new vscode.CodeLens(at, { title, command, arguments: [document.uri, ...args] }));
      const playbook = PLAYBOOK.exec(line), test_ = TEST.exec(line);
      if (playbook) {
        add("$(beaker) Test", "playbooks.test");
        add("$(eye) Plan with an event...", "playbooks.plan");
        add("$(type-hierarchy) Flow", "playbooks.flow", playbook[1]);
      } else if (test_) {
        add("$(play) Run", "playbooks.testOne", test_[1].replace(/\\(.)/g, "$1"));
      }
    }
    return found;
  },
};

async function activate(context) {
  output = vscode.window.createOutputChannel("Playbooks");
  const command = (name, fn) => context.subscriptions.push(vscode.commands.registerCommand("playbooks." + name, fn));
  command("test", test);
  command("testOne", testOne);
  command("plan", plan);
  command("flow", flow);
  command("restart", async () => {
    await stop();
    await start();
  });
  context.subscriptions.push(output, vscode.languages.registerCodeLensProvider({ language: "pb" }, lenses));
  context.subscriptions.push(vscode.workspace.onDidChangeConfiguration((e) => e.affectsConfiguration("playbooks.pbc") && vscode.commands.executeCommand("playbooks.restart")));
  await start();
}

module.exports = { activate, deactivate: stop };
