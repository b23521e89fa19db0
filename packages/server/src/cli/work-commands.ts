import type { CommandSpec } from "./command-spec.ts"
import { command, flag, listFlag } from "./command-spec.ts"
import type { EventsOptions } from "./commands/events.ts"
import type { LogsOptions } from "./commands/logs.ts"
import type { PsOptions } from "./commands/ps.ts"
import type { RunOptions } from "./commands/run.ts"
import type { StopOptions } from "./commands/stop.ts"
import type { CommonOptions } from "./connect.ts"

/** The commands of whoever runs work. */
export const workCommands: readonly CommandSpec[] = [
  command<RunOptions>({
    usage: "run [command...]",
    sentence: "run a command on the team's machines, here and now or when its turn comes",
    isPassThrough: true,
    flags: [
      flag("-g, --gpus <N>", "GPUs of each replica (default 0)"),
      flag(
        "-r, --replicas <N>",
        "how many; each gets RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT (default 1)",
      ),
      flag("-n, --name <NAME>", "name for people (default: made from the command)"),
      flag("-w, --workspace <WORKSPACE>", "where it runs (default `default`) [BERTH_WORKSPACE]"),
      listFlag("-e, --env <NAME=VALUE>", "environment; NAME alone takes its value from here"),
      flag("--cpu <CORES>", "CPU of each replica (default: the GPUs' share of a node, else 1)"),
      flag(
        "--memory <SIZE>",
        "memory of each replica, as 16Gi (default: the GPUs' share of a node, else 2Gi)",
      ),
      flag("--timeout <TIME>", "end it after 90s, 30m, 2h, …"),
      flag("--retries <N>", "start it anew after a failure, at most so often (default 0)"),
      flag("--priority <PRIORITY>", "low, normal or high (default low)"),
      flag("--cwd <DIR>", "where it starts (default: this folder, where the server is on this machine)"),
      listFlag("--after <WORKLOAD>", "wait until this one has succeeded"),
      listFlag(
        "--schedule <FIELDS>",
        "run it again and again, at these cron times in UTC, as 0 3 * * *; prints the id and leaves",
      ),
      listFlag("--node <NAME>", "run on these nodes, a replica on each"),
      listFlag("--label <NAME=VALUE>", "only on nodes with this label"),
      flag("--image <IMAGE>", "recorded; clusters of this machine run the command as it is"),
      flag("--description <TEXT>", "for people"),
      flag("-d, --detach", "print the id and leave"),
    ],
    notes: [
      "Follows the logs: rank 0 as it is, the others behind [RANK]. Ctrl-C leaves and the work goes on (exit code 130).",
      "Ends with the command's own exit code; 143 when it was stopped, 124 when its time was over.",
      "One argument with blanks is a line for the shell. VIRTUAL_ENV and CONDA_PREFIX travel along.",
    ],
    examples: [
      "berth run --gpus 1 -- python train.py --lr 3e-4",
      "berth run --gpus 8 --replicas 2 -e NCCL_DEBUG=INFO -- torchrun --nnodes 2 train.py",
      "berth run 'make data && ./prepare'",
      'berth run --schedule "0 3 * * *" --gpus 1 -- ./evaluate',
      "id=$(berth run --detach --gpus 1 -- ./train) && berth logs -f $id",
    ],
    run: async (terminal, args, options) => (await import("./commands/run.ts")).run(terminal, args, options),
  }),
  command<PsOptions>({
    usage: "ps",
    sentence: "list workloads, newest first",
    flags: [
      flag("-a, --all", "ended ones too"),
      flag("-w, --workspace <WORKSPACE>", "only of this workspace"),
      flag("--phase <PHASES>", "only in these, as Running,Failed"),
      flag("--user <NAME>", "only of users whose name holds this"),
      flag("--limit <N>", "at most so many (default 100)"),
    ],
    examples: ["berth ps", "berth ps -a -w research --limit 20", "berth ps -o json | jq -r '.[].workloadId'"],
    run: async (terminal, _args, options) => (await import("./commands/ps.ts")).ps(terminal, options),
  }),
  command<LogsOptions>({
    usage: "logs <workload>",
    sentence: "show what a workload wrote",
    flags: [
      flag("-f, --follow", "wait for it and show what comes, until it has ended"),
      flag("--tail <N>", "only the last lines"),
      flag("--since <TIME>", "only the last 10m, 2h, …, or since an instant"),
      flag("--rank <N>", "only this rank"),
      flag("--run <N>", "an earlier attempt, from 1"),
    ],
    notes: [
      "With -f it ends with the workload's exit code, as `berth run` does.",
      "Of a Deployment or StatefulSet it shows every pod behind its [NUMBER], and with -f also those that come later.",
    ],
    examples: ["berth logs -f train-x7kqd", "berth logs train-x7kqd --rank 1 --tail 100"],
    run: async (terminal, [id = ""], options) =>
      (await import("./commands/logs.ts")).logs(terminal, id, options),
  }),
  command<StopOptions>({
    usage: "stop <workload...>",
    sentence: "ask workloads to end; they get TERM, and KILL after their grace",
    flags: [flag("--grace <TIME>", "between TERM and KILL, 0 to 10m (default: the workspace's policy)")],
    examples: ["berth stop train-x7kqd", "berth stop --grace 2m train-x7kqd"],
    run: async (terminal, ids, options) => (await import("./commands/stop.ts")).stop(terminal, ids, options),
  }),
  command<CommonOptions>({
    usage: "rm <workload...>",
    sentence: "stop workloads and take them out of lists",
    examples: ["berth rm train-x7kqd train-b2c4d"],
    run: async (terminal, ids, options) => (await import("./commands/stop.ts")).rm(terminal, ids, options),
  }),
  command<CommonOptions>({
    usage: "why <workload>",
    sentence: "say why a workload waits, who is ahead, and what happened to it",
    examples: ["berth why train-x7kqd"],
    run: async (terminal, [id = ""], options) =>
      (await import("./commands/why.ts")).why(terminal, id, options),
  }),
  command<EventsOptions>({
    usage: "events",
    sentence: "show what happened",
    flags: [
      flag("-f, --follow", "and what comes, until Ctrl-C"),
      flag("-w, --workspace <WORKSPACE>", "only of this workspace"),
      flag("--subject <KIND/ID>", "only about this, as workload/train-x7kqd or node/gpu-1"),
      listFlag("--type <TYPE>", "only of this type, as workload.created"),
      flag("--last <N>", "the newest so many (default 50)"),
      flag("--after <ID>", "only after the event with this id"),
    ],
    notes: ["With -o json and -f: one CloudEvent a line."],
    examples: ["berth events --last 200", "berth events -f", "berth events --subject workload/train-x7kqd"],
    run: async (terminal, _args, options) => (await import("./commands/events.ts")).events(terminal, options),
  }),
]
