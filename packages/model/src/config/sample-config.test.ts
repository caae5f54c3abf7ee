import { expect, test } from "vitest";
import { nowMs } from "./example-config.ts";
import { parseConfig } from "./parse-config.ts";
import { type SampleConfigAnswers, sampleConfig } from "./sample-config.ts";

const answers: SampleConfigAnswers = {
  repositoryUrl: "/srv/repo",
  passwordFile: "/etc/lifeboat/password",
  timezone: "Europe/Berlin",
  host: { name: "web1", address: "10.0.0.1", user: "root" },
};

test.each([
  ["the least", answers],
  [
    "everything",
    {
      ...answers,
      repositoryUrl: "s3:https://s3.example/b/p",
      company: 'A "quoted": name #1',
      state: "/var/lib/x",
      paths: ["/etc", "/srv/a b"],
      host: { ...answers.host, user: "backup", port: 2222, identity: "/root/.ssh/id" },
    },
  ],
])("the file that init writes has no problem: %s", (_, given) => {
  const text = sampleConfig(given);
  const { config, problems } = parseConfig([{ path: "lifeboat.yaml", text }], { nowMs });
  expect(problems).toEqual([]);
  expect(config!.hosts.get("web1")).toMatchObject({ address: "10.0.0.1", user: given.host.user, port: given.host.port });
  expect(config!.repositories.get("main")!.url).toBe(given.repositoryUrl);
  expect(text.split("\n").length).toBeLessThan(70);
});
