import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { findHost, openMachine } from "@lifeboat/jobs";
import { exitCodes, isLifeboatError, LifeboatError, messageOf } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { loadConfig } from "../session/load-config.ts";
import { openJobContext } from "../session/open-job-context.ts";
import { confirm, type Session } from "../session/session.ts";

export const hostTrust: CommandSpec = {
  arguments: [{ name: "<host>", description: "a host of the configuration" }],
  writes: true,
  options: [
    { flags: "--fingerprint <SHA256>", description: "trust it only when its key has this fingerprint; does not ask" },
    { flags: "--yes", description: "do not ask" },
  ],
  examples: [
    { command: "lifeboat host trust web1", does: "show the key; after a yes, add it to known_hosts" },
    { command: "lifeboat host trust web1 --fingerprint SHA256:0mYv...9Q", does: "in a script" },
  ],
  details:
    "Compare the fingerprint on the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. A changed key is never replaced.",
  run: trust,
};

async function trust(session: Session, values: OptionValues): Promise<number> {
  const config = await loadConfig(session);
  const context = openJobContext(session, { config, writes: false });
  const host = findHost(context, values.word(0));
  for (let added = 0; ; added++) {
    const unknown = await openMachine(context, host.name).then(
      async (machine) => {
        await machine.close();
        return undefined;
      },
      (error: unknown) => {
        if (isLifeboatError(error, "host-key-unknown")) return error;
        throw error;
      },
    );
    if (unknown === undefined) {
      // Of a key that was added the line is out already.
      if (added === 0 && session.json) await session.answer({ message_type: "summary", host: host.name, added: false });
      else if (added === 0) session.say(`the key of ${host.name} is known already`);
      return exitCodes.passed;
    }
    await trustOne(session, values, unknown);
    // Behind a jump host whose key was unknown there is another one to look at.
    if (session.dryRun || unknown.context.jump === undefined) return exitCodes.passed;
  }
}

async function trustOne(session: Session, values: OptionValues, unknown: LifeboatError): Promise<void> {
  const { host: name, address, port, known_hosts_line: line, known_hosts_file: file, fingerprint, type } = unknown.context;
  const wanted = values.text("fingerprint");
  if (wanted !== undefined && wanted.replace(/=+$/, "") !== fingerprint) {
    throw new LifeboatError("host-key-changed", `${name} shows ${type} key ${fingerprint}, not ${wanted}; nothing was written`);
  }
  if (typeof file !== "string" || file.startsWith("/etc/ssh/") || typeof line !== "string")
    throw new LifeboatError("usage", `there is no known_hosts file for ${name}`, { hint: `Set known_hosts: for host ${name}.` });
  session.say(`${name} (${address}:${port}) shows ${type} key ${fingerprint}`);
  const about = { message_type: "summary", host: name, fingerprint, file };
  if (session.dryRun) {
    if (session.json) await session.answer({ ...about, dry_run: true, added: false });
    return;
  }
  if (wanted === undefined) await confirm(session, `Add it to ${file}? Compare it on the host first.`, values.flag("yes"));
  appendLine(file, line);
  if (session.json) await session.answer({ ...about, added: true });
  else session.say(`added to ${file}`);
}

function appendLine(file: string, line: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const text = readIfThere(file);
    // A last line without its end would swallow the new one.
    appendFileSync(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`, { mode: 0o600 });
  } catch (error) {
    throw new LifeboatError("usage", `${file} cannot be written (${messageOf(error)})`, {
      cause: error,
      hint: `Add this line yourself: ${line}`,
    });
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
