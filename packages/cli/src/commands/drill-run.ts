import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DrillEvent, type DrillReport, renderDrillReportText, runDrillJob } from "@lifeboat/drill";
import type { RepositoryChoice } from "@lifeboat/jobs";
import {
  type CompiledConfig,
  type CompiledDrill,
  exitCodeOf,
  exitCodes,
  LifeboatError,
  type RunRecord,
  renderProblems,
} from "@lifeboat/model";
import { parseDrillFile } from "@lifeboat/model/config";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { formatSpan } from "../output/format-time.ts";
import { byHandOrder } from "../session/by-hand-run.ts";
import { chooseRepository } from "../session/choose-repository.ts";
import { loadConfig, loadConfigIfThere } from "../session/load-config.ts";
import { openJobContext, stateFolderOf } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";
import { writeReports } from "./drill-report.ts";
import { readDrillFile } from "./drill-validate.ts";

export const drillRun: CommandSpec = {
  arguments: [{ name: "[drill]", description: "a drill's name; may be left out when there is one only" }],
  repository: true,
  writes: true,
  options: [
    { flags: "--here", description: "in this process, without the service" },
    { flags: "--drill <FILE>", description: "a file with the drill, instead of the configuration's" },
    { flags: "--html <FILE>", description: "write the report as one HTML file (with --here)" },
    { flags: "--junit <FILE>", description: "write the report as JUnit XML (with --here)" },
    { flags: "--no-wait", description: "hand it to the service and print the run's id only" },
  ],
  examples: [
    { command: "lifeboat drill run shop-weekly", does: "through the service" },
    { command: "lifeboat drill run shop-weekly --here --html report.html", does: "in this process" },
    { command: "lifeboat drill run --here --drill drill.yaml --repo /srv/repo --password-file F", does: "with bare hands" },
  ],
  details:
    "Writes to scratch targets only and removes what it made. Exit codes: 0 passed, 6 failed, 7 inconclusive (nothing was proven), 130 stopped.",
  run: runOne,
};

interface ChosenDrill {
  readonly drill: CompiledDrill;
  readonly config: CompiledConfig | undefined;
  readonly repository: RepositoryChoice | undefined;
}

async function runOne(session: Session, values: OptionValues): Promise<number> {
  const chosen = await chooseDrill(session, values);
  const { drill, config } = chosen;
  if (session.dryRun) {
    session.say(
      `${drill.name}: ${drill.steps.length} steps, ${drill.checks.length} checks, targets ${[...drill.targets.keys()].join(", ")}; nothing was started`,
    );
    return exitCodes.passed;
  }
  if (!values.flag("here")) {
    if (config === undefined || values.text("drill") !== undefined || chosen.repository !== undefined) {
      throw new LifeboatError("usage", "a drill file and --repo need --here: the service knows the configuration's drills only");
    }
    const { runThroughService } = await import("../service/run-through-service.ts");
    return runThroughService(session, config, { kind: "drill", objects: [drill.name], wait: values.flag("wait") });
  }
  const { record, report } = await runHere(session, chosen);
  session.output.status(undefined);
  writeReports(session, values, report);
  if (session.json) await session.answer(report);
  else if (!session.quiet || report.outcome !== "passed") await session.output.line(renderDrillReportText(report).trimEnd());
  if (config !== undefined && values.text("drill") === undefined) {
    const { rememberDrill } = await import("../service/remember-drill.ts");
    await rememberDrill(session, config, record, report);
  }
  return exitCodeOf(report.outcome, "drill");
}

async function chooseDrill(session: Session, values: OptionValues): Promise<ChosenDrill> {
  const file = values.text("drill");
  const isByHand = values.text("repo") !== undefined;
  const { config, choice } = isByHand ? await chooseRepository(session, values) : { config: undefined, choice: undefined };
  const known =
    config ?? (isByHand ? undefined : file === undefined ? await loadConfig(session) : await loadConfigIfThere(session));
  const drills = file === undefined ? known?.drills : readDrills(session, file, known);
  if (drills === undefined) throw new LifeboatError("usage", "which drill? --repo with a place needs --drill FILE");
  const repository = choice ?? (known === undefined ? (await chooseRepository(session, values)).choice : undefined);
  const names = [...drills.keys()];
  const wanted = values.words[0] ?? (names.length === 1 ? names[0] : undefined);
  if (wanted === undefined)
    throw new LifeboatError("usage", `which drill? there are ${names.length}: ${names.join(", ") || "none"}`);
  const drill = drills.get(wanted);
  if (drill === undefined)
    throw new LifeboatError("asset-unknown", `there is no drill "${wanted}" (known: ${names.join(", ") || "none"})`);
  return { drill, config: known, repository };
}

function readDrills(session: Session, file: string, config: CompiledConfig | undefined): ReadonlyMap<string, CompiledDrill> {
  const text = readDrillFile(file);
  const { drills, problems } = parseDrillFile(file, text, {
    env: session.environment,
    nowMs: session.clock.now(),
    ...(config !== undefined && { hosts: config.hosts, assets: config.assets }),
  });
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return drills;
  if (!session.json)
    session.output.note(renderProblems(problems, [{ path: file, text }], { color: session.output.colour }).trimEnd());
  throw new LifeboatError(
    "drill-invalid",
    `${file} has ${errors.length} ${errors.length === 1 ? "error" : "errors"}, first: ${errors[0]?.message}`,
  );
}

async function runHere(
  session: Session,
  { drill, config, repository }: ChosenDrill,
): Promise<{ record: RunRecord; report: DrillReport }> {
  const declaredAtMs = session.clock.now();
  const context = openJobContext(session, { config, writes: true });
  session.say(`drill ${drill.name} begins; Ctrl-C stops it and removes what it made`);
  return runDrillJob(context, {
    ...byHandOrder(session, config, "drill", drill.name),
    drill,
    repository,
    installId: context.owner.hostname.replace(/^lifeboat-/, ""),
    random: () => session.random.below(2 ** 32) / 2 ** 32,
    progress: (event) => showEvent(session, event, declaredAtMs),
    declaredAtMs,
    journalFile: join(journalFolder(session, config), `${drill.name}-${session.random.token(8)}.jsonl`),
    startedBy: context.owner.username,
  });
}

/** Where a later sweep finds what a killed drill has left. */
function journalFolder(session: Session, config: CompiledConfig | undefined): string {
  const folder = join(stateFolderOf(session, config), "drills");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch (error) {
    if (config !== undefined || session.stateFlag !== undefined) {
      throw new LifeboatError("state-folder-failed", `folder ${folder} cannot be made`, { cause: error });
    }
    return mkdtempSync(join(tmpdir(), "lifeboat-drill-"));
  }
}

const marks = { started: "●", passed: "✓", failed: "✗", inconclusive: "?", skipped: "-" } as const;

function showEvent(session: Session, { phase, id, state, detail, atMs }: DrillEvent, declaredAtMs: number): void {
  if (session.json) {
    if (!session.quiet)
      void session
        .answer({ message_type: "status", phase, id, state, detail, seconds_elapsed: (atMs - declaredAtMs) / 1000 })
        .catch(() => {});
    return;
  }
  if (session.quiet) return;
  if (state === "started") session.output.status(`● ${phase} ${id} ...`);
  else
    session.output.note(
      `${marks[state]} ${phase === id ? id : `${phase} ${id}`}  ${detail}  ${formatSpan((atMs - declaredAtMs) / 1000)}`,
    );
}
