import type { CommandSpec } from "./command-spec.ts"
import { command, flag, listFlag } from "./command-spec.ts"
import type { EventsOptions } from "./commands/events.ts"
import type { LogsOptions } from "./commands/logs.ts"
import type { PsOptions } from "./commands/ps.ts"
import type { RunOptions } from "./commands/run.ts"
import type { ScaleOptions } from "./commands/scale.ts"
import type { ServeOptions } from "./commands/serve.ts"
import type { StopOptions } from "./commands/stop.ts"
import type { UpdateOptions } from "./commands/update.ts"
import type { WhyOptions } from "./commands/why.ts"
import type { CommonOptions } from "./connect.ts"
import { registerFlag } from "./register-flag.ts"

const cwdFlag = flag(
  "--cwd <DIR>",
  "where it starts (default: this folder, where the server is on this machine)",
)
const envFlag = listFlag("-e, --env <NAME=VALUE>", "environment; NAME alone takes its value from here")
const imageFlag = flag("--image <IMAGE>", "recorded; clusters of this machine run the command as it is")
const priorityFlag = flag("--priority <PRIORITY>", "low, normal or high (default low)")
/** Where it runs and with what: of all that takes a command line to run. */
const placeFlags = [
  flag("-n, --name <NAME>", "name for people (default: made from the command)"),
  flag("-w, --workspace <WORKSPACE>", "where it runs (default `default`) [BERTH_WORKSPACE]"),
  envFlag,
  flag("--cpu <CORES>", "CPU of each replica (default: the GPUs' share of a node, else 1)"),
  flag("--memory <SIZE>", "memory of each replica, as 16Gi (default: the GPUs' share of a node, else 2Gi)"),
]
const waitFlag = flag(
  "--wait <TIME>",
  "how long nothing may change before it counts as stuck, once all pods have a place (default 10m)",
)

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
      ...placeFlags,
      flag("--timeout <TIME>", "end it after 90s, 30m, 2h, …"),
      flag("--retries <N>", "start it anew after a failure, at most so often (default 0)"),
      priorityFlag,
      cwdFlag,
      listFlag("--after <WORKLOAD>", "wait until this one has succeeded"),
      listFlag(
        "--schedule <FIELDS>",
        "run it again and again, at these cron times in UTC, as 0 3 * * *; prints the id and leaves",
      ),
      listFlag("--node <NAME>", "run on these nodes, a replica on each"),
      listFlag("--label <NAME=VALUE>", "only on nodes with this label"),
      imageFlag,
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
  command<ServeOptions>({
    usage: "serve [command...]",
    sentence: "keep replicas of a command up, behind one address",
    isPassThrough: true,
    flags: [
      flag("-p, --port <TARGET>", "the port that each replica listens on, at its POD_IP: gives it a service"),
      flag("--node-port <N>", "that port of the machine, 30000 to 32767 (default: one that is free)"),
      flag("--cluster-only", "no port of the machine, only an address of its own"),
      flag("--readiness <PATH>", "connections go to replicas that answer this with 200 to 399"),
      flag("--liveness <PATH>", "a replica that does not answer this with 200 to 399 is started again"),
      flag("--initial-delay <SECONDS>", "failures of these checks count from then on (default 600)"),
      flag(
        "--max-unavailable <N|P%>",
        "how many an update may take away at once (default 25%, and always one)",
      ),
      flag("-g, --gpus <N>", "GPUs of each replica (default 0)"),
      flag("-r, --replicas <N>", "how many (default 1)"),
      registerFlag,
      flag("--stateful", "fixed names ID-0, ID-1 …, started and updated one after the other"),
      ...placeFlags,
      priorityFlag,
      cwdFlag,
      imageFlag,
      waitFlag,
      flag("-d, --detach", "print the id and leave"),
    ],
    notes: [
      "Waits until it is Running, and says why it is not yet. Ctrl-C leaves, and it goes on (exit code 130).",
      "Ends with 1 when it does not get ready (its pods end again and again, or --wait is over); it is tried on then.",
      "Without --readiness a replica counts as ready as soon as it runs.",
    ],
    examples: [
      "berth serve --port 8000 --replicas 2 --readiness / -- python3 examples/serve.py",
      "berth serve --gpus 1 --port 8000 --readiness /health -- sh -c 'vllm serve MODEL --host $POD_IP'",
      "berth serve --stateful --replicas 3 --cluster-only --port 6379 -- sh -c 'redis-server --bind $POD_IP'",
    ],
    run: async (terminal, args, options) =>
      (await import("./commands/serve.ts")).serve(terminal, args, options),
  }),
  command<ScaleOptions>({
    usage: "scale <workload> <pods>",
    sentence: "give a workload another number of pods, and wait until they are ready",
    flags: [waitFlag, flag("-d, --detach", "do not wait")],
    notes: ["0 keeps an application and its addresses without a pod. Jobs can be scaled while they wait."],
    examples: ["berth scale web-x7kqd 3", "berth scale web-x7kqd 0 --detach"],
    run: async (terminal, [id = "", pods = ""], options) =>
      (await import("./commands/scale.ts")).scale(terminal, id, pods, options),
  }),
  command<UpdateOptions>({
    usage: "update <workload> [command...]",
    sentence: "change what a workload runs; an application's pods are replaced a few at a time",
    flags: [
      { ...envFlag, sentence: `${envFlag.sentence}; what is not named stays` },
      imageFlag,
      flag("--cpu <CORES>", "CPU of each replica"),
      flag("--memory <SIZE>", "memory of each replica, as 16Gi"),
      flag("-g, --gpus <N>", "GPUs of each replica"),
      { ...cwdFlag, sentence: `of the command: ${cwdFlag.sentence}` },
      waitFlag,
      flag("-d, --detach", "do not wait"),
    ],
    notes: [
      "Waits until all pods run it. Ends with 1 when the new ones do not get ready: the others stay as they are.",
      "Jobs can be changed while they wait.",
    ],
    examples: [
      "berth update web-x7kqd --env MODEL=small",
      "berth update web-x7kqd -- python3 serve.py --fast",
    ],
    run: async (terminal, [id = "", ...args], options) =>
      (await import("./commands/update.ts")).update(terminal, id, args, options),
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
      "Colours are shown on terminals; what would steer them otherwise, and all of it in pipes, is left out.",
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
  command<WhyOptions>({
    usage: "why <id>",
    sentence:
      "say why a workload, a GPU request or something of Ray (ray/NAME) waits, who is ahead, and what happened to it; of a record of the register what its watch found",
    flags: [flag("-w, --workspace <WORKSPACE>", "of ray/NAME (default `default`) [BERTH_WORKSPACE]")],
    examples: ["berth why train-x7kqd", "berth why gpr-1a2b3c4d-5e6f", "berth why ray/demo", "berth why llm"],
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
