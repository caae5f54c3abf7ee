import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { exitCodes, isName, isTimeZone, LifeboatError, messageOf, renderProblems, sampleConfig } from "@lifeboat/model";
import { parseConfig } from "@lifeboat/model/config";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { type Session, timeZoneOf } from "../session/session.ts";

/** Of these nothing else says what was meant. */
const neededAnswers = [
  { name: "repo", flags: "--repo PLACE" },
  { name: "password-file", flags: "--password-file FILE" },
  { name: "host", flags: "--host [USER@]ADDRESS" },
] as const;

export const init: CommandSpec = {
  arguments: [{ name: "[file]", description: "where to write it; default ./lifeboat.yaml" }],
  writes: true,
  options: [
    { flags: "--repo <PLACE>", description: "/srv/repo or s3:https://HOST/BUCKET/PREFIX" },
    {
      flags: "--password-file <FILE>",
      description: "file with the repository's password; made with a new one where it is missing",
    },
    { flags: "--host <ADDRESS>", description: "first host: [USER@]ADDRESS[:PORT]" },
    { flags: "--name <NAME>", description: "its name in the configuration" },
    { flags: "--identity <FILE>", description: "private key to log in with" },
    { flags: "--path <PATH...>", description: "folders to back up; default /etc" },
    { flags: "--timezone <ZONE>", description: "zone of schedules and reports, e.g. Europe/Berlin" },
    { flags: "--company <NAME>", description: "for reports" },
  ],
  examples: [
    { command: "lifeboat init", does: "asks a few questions and writes a commented lifeboat.yaml" },
    {
      command: "lifeboat init --repo /srv/repo --password-file /etc/lifeboat/password --host root@web1",
      does: "without questions",
    },
  ],
  details:
    "Never overwrites a file. What is not asked or given is filled in and explained in the file; then: lifeboat doctor.\n" +
    "Without a terminal to ask on, --repo, --password-file and --host are needed (exit code 9).",
  run: writeConfig,
};

async function writeConfig(session: Session, values: OptionValues): Promise<number> {
  const file = resolve(values.words[0] ?? session.configFlag ?? "lifeboat.yaml");
  if (existsSync(file))
    throw new LifeboatError("usage", `${file} exists already; nothing was changed`, {
      hint: "Name another file: lifeboat init FILE",
    });
  const ask = async (name: string, question: string, preset: string) =>
    values.text(name) ?? (await answerOf(session, values, question, preset));
  const repositoryUrl = await ask("repo", "Where shall the snapshots lie?", "/srv/lifeboat/repo");
  const passwordFile = resolve(await ask("password-file", "File with the repository's password?", "/etc/lifeboat/repo-password"));
  const address = parseAddress(await ask("host", "First host to back up, [USER@]ADDRESS[:PORT]?", "root@web1.example.com"));
  const name = await ask("name", "Its name?", nameOf(address.address));
  if (!isName(name)) throw new LifeboatError("usage", `"${name}" is no name (a-z, 0-9, . _ -, at most 63)`);
  const timezone = await ask("timezone", "Time zone?", timeZoneOf(undefined));
  if (!isTimeZone(timezone)) throw new LifeboatError("usage", `"${timezone}" is no time zone like Europe/Berlin`);
  const paths = values.texts("path");
  const company = values.text("company");
  const identity = values.text("identity");
  const text = sampleConfig({
    repositoryUrl,
    passwordFile,
    timezone,
    ...(company !== undefined && { company }),
    host: { name, ...address, ...(identity !== undefined && { identity: resolve(identity) }) },
    ...(paths.length > 0 && { paths }),
    ...(session.stateFlag !== undefined && { state: resolve(session.stateFlag) }),
  });
  const { problems, config } = parseConfig([{ path: file, text }], { env: session.environment, nowMs: session.clock.now() });
  if (config === undefined) throw new LifeboatError("config-invalid", renderProblems(problems, [{ path: file, text }]).trim());
  if (session.dryRun) {
    await session.output.out(text);
    return exitCodes.passed;
  }
  const madePassword = makePassword(session, passwordFile);
  writeNew(file, text, 0o644);
  if (session.json)
    await session.answer({ message_type: "summary", file, password_file: passwordFile, password_created: madePassword });
  session.say(`wrote ${file}`);
  if (madePassword)
    session.say(
      `made a new repository password in ${passwordFile}: keep a second copy elsewhere, without it the repository is lost`,
    );
  session.say(
    `next   lifeboat host trust ${name} · lifeboat doctor · lifeboat repo init --repo main · lifeboat backup run nightly --here`,
  );
  return exitCodes.passed;
}

/**
 * What stands in brackets is an example for a person to look at, no answer: without a terminal nobody has agreed to it. The name and
 * the time zone follow from what was given and from the machine, so that they are taken as they are.
 */
async function answerOf(session: Session, values: OptionValues, question: string, preset: string): Promise<string> {
  const answer = await session.output.ask(`${question} [${preset}] `, session.signal);
  if (answer !== undefined) return answer.trim() || preset;
  const missing = neededAnswers.filter(({ name }) => values.text(name) === undefined).map(({ flags }) => flags);
  if (missing.length === 0) return preset;
  throw new LifeboatError("confirmation-needed", "there are questions, and there is no terminal to ask them on", {
    hint: `Pass ${missing.join(", ").replace(/, (?=[^,]*$)/, " and ")}.`,
    context: { state: "nothing was written" },
  });
}

function parseAddress(text: string): { address: string; user: string; port?: number } {
  const match = /^(?:([^@\s]+)@)?(\[[0-9a-fA-F:.]+\]|[^:@\s]+)(?::([1-9][0-9]{0,4}))?$/.exec(text);
  if (match === null) throw new LifeboatError("usage", `--host "${text}" is not [USER@]ADDRESS[:PORT]`);
  const [, user = "root", address = "", port] = match;
  return { user, address: address.replace(/^\[|\]$/g, ""), ...(port !== undefined && { port: Number(port) }) };
}

function nameOf(address: string): string {
  const first = /^[0-9.:]+$/.test(address) ? "host1" : (address.split(".")[0] ?? "").toLowerCase();
  return isName(first) ? first : "host1";
}

/** True when the file was missing and a new password stands in it: 160 random bits. */
function makePassword(session: Session, file: string): boolean {
  if (existsSync(file)) return false;
  writeNew(file, `${session.random.token(32)}\n`, 0o600);
  return true;
}

function writeNew(file: string, text: string, mode: number): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode, flag: "wx" });
  } catch (error) {
    throw new LifeboatError("usage", `${file} cannot be written (${messageOf(error)})`, {
      cause: error,
      hint: "Name a place that you may write to.",
    });
  }
}
