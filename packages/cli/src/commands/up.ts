import { fileURLToPath } from "node:url";
import { ensureStateFolder, statePaths, takeProgramLock } from "@lifeboat/host";
import { type CompiledConfig, exitCodes, LifeboatError, withState } from "@lifeboat/model";
import type { CommandSpec } from "../command-line/command-spec.ts";
import type { OptionValues } from "../command-line/option-values.ts";
import { type SupervisedProgram, superviseProgram } from "../service/supervise-program.ts";
import { loadConfig } from "../session/load-config.ts";
import { stateFolderOf } from "../session/open-job-context.ts";
import type { Session } from "../session/session.ts";

export const up: CommandSpec = {
  options: [
    { flags: "--workers <COUNT>", description: "worker processes; each does two runs at a time", default: "1" },
    { flags: "--listen <ADDRESS:PORT>", description: "the page's address instead of control.web.listen" },
    { flags: "--no-web", description: "without the page" },
  ],
  examples: [
    { command: "lifeboat up", does: "everything on this machine; Ctrl-C stops it in order" },
    { command: "lifeboat up --state /var/lib/lifeboat --workers 2", does: "with its folder and two workers" },
  ],
  details:
    "Starts a redis-server of its own in the state folder unless control.redis.url is set. All of its state can be lost:\n" +
    "truth is in the repositories and the history. Runs that Ctrl-C stops are tried again at the next start.",
  run: runService,
};

async function runService(session: Session, values: OptionValues): Promise<number> {
  const workers = values.text("workers") ?? "1";
  if (!/^[1-9][0-9]?$/.test(workers)) throw new LifeboatError("usage", `--workers "${workers}" is not a number from 1 to 99`);
  const config = await loadConfig(session);
  const state = ensureStateFolder(stateFolderOf(session, config));
  using _lock = takeProgramLock(state, "service", session.random);
  const redis = config.control.redisUrl === undefined ? await startRedis(session, state) : undefined;
  const programs: SupervisedProgram[] = [];
  try {
    const { refused, started } = startPrograms(session, values, {
      config,
      state,
      redisUrl: redis?.redisUrl,
      workers: Number(workers),
    });
    programs.push(...started);
    session.say(`service started with ${config.file}, state in ${state}; Ctrl-C stops it`);
    await Promise.race([refused, stopped(session.signal)]);
    return exitCodes.passed;
  } finally {
    session.say("stopping");
    // The scheduler first: what it would hand out now nobody takes.
    await Promise.all(programs.map((program) => program.stop()));
    await redis?.stop();
    session.say("stopped");
  }
}

async function startRedis(session: Session, state: string) {
  const { startRedisServer } = await import("@lifeboat/queue");
  try {
    return await startRedisServer({ folder: statePaths(state).redisFolder, clock: session.clock, logger: session.logger });
  } catch (error) {
    throw withState(error, "no program of the service was started");
  }
}

interface ServiceParts {
  readonly config: CompiledConfig;
  readonly state: string;
  /** Only that of our own server, a socket: one of the configuration may hold a password, and arguments can be read by all. */
  readonly redisUrl: string | undefined;
  readonly workers: number;
}

function startPrograms(session: Session, values: OptionValues, { config, state, redisUrl, workers }: ServiceParts) {
  const common = ["--config", config.file, "--state", state, ...(redisUrl === undefined ? [] : ["--redis", redisUrl])];
  const listen = values.text("listen");
  const wanted = [
    { name: "scheduler", room: "scheduler", args: common },
    ...Array.from({ length: workers }, (_, at) => ({ name: `worker ${at + 1}`, room: "worker", args: common })),
    ...(values.flag("web")
      ? [{ name: "page", room: "web", args: [...common, ...(listen === undefined ? [] : ["--listen", listen])] }]
      : []),
  ];
  let refuse: (error: unknown) => void = () => {};
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  const started = wanted.map(({ name, room, args }) =>
    superviseProgram({
      name,
      main: fileURLToPath(new URL("./main.ts", import.meta.resolve(`@lifeboat/${room}`))),
      args,
      environment: session.environment,
      clock: session.clock,
      logger: session.logger,
      onReady: ({ url }) => {
        if (session.json)
          session.output.note(JSON.stringify({ message_type: "started", program: name, ...(url !== undefined && { url }) }));
        else session.say(url === undefined ? `${name} runs` : `${name} runs: ${url}`);
      },
      onRefusal: (code) =>
        refuse(
          new LifeboatError(
            "control-plane-unreachable",
            `the ${name} did not start (exit code ${code}); its own words stand above`,
            {
              hint: "Mend what it says, then run 'lifeboat up' again.",
              // The others may have been faster.
              context: {
                state: "all programs of the service are stopped; runs that it had begun are tried again at the next start",
              },
            },
          ),
        ),
    }),
  );
  return { refused, started };
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
