import type { CommandSpec } from "./command-spec.ts"
import { command, flag, listFlag } from "./command-spec.ts"
import type { RayLogsOptions } from "./commands/ray-logs.ts"
import type { RayListOptions } from "./commands/ray-ls.ts"
import type { RayServeOptions } from "./commands/ray-serve.ts"
import type { RayOneOptions } from "./commands/ray-status.ts"
import type { RaySubmitOptions } from "./commands/ray-submit.ts"
import type { RayUpOptions } from "./commands/ray-up.ts"
import type { GroupSpec } from "./platform-commands.ts"
import type { RayOptions } from "./ray-place.ts"
import { usualRayVersion } from "./ray-shape.ts"
import { everywhere, inWorkspace, rayTemplatesGroup } from "./ray-template-commands.ts"
import { registerFlag } from "./register-flag.ts"

const ofKind = flag("--kind <KIND>", "cluster, job or service, where several have the name")
const shapeFlags = [
  flag("--version <X.Y.Z>", `of Ray; installed when it is used first (default ${usualRayVersion})`),
  flag("--cpu <CORES>", "cores of the head (default 1)"),
  flag("--memory <SIZE>", "memory of the head, as 512Mi or 8Gi (default 2Gi)"),
  flag("-g, --gpus <N>", "GPUs of the head (default 0)"),
  flag("--workers <N>", "further Ray nodes (default 0)"),
  flag("--worker-cpu <CORES>", "cores of each worker (default: as the head, else 1)"),
  flag("--worker-memory <SIZE>", "memory of each worker (default: as the head, else 2Gi)"),
  flag("--worker-gpus <N>", "GPUs of each worker (default: as the head, else 0)"),
  flag("--template <NAME>", "the head is as this compute template says, and so are workers"),
  flag("--worker-template <NAME>", "workers are as this one says"),
  flag("--image <IMAGE>", "recorded; without --version, the x.y.z of its tag is the version of Ray"),
]

const upCommand = command<RayUpOptions>({
  usage: "up [name]",
  sentence: "make a Ray cluster; says what it waits for, and where it is reached once it is ready",
  flags: [
    ...shapeFlags,
    listFlag("-e, --env <NAME=VALUE>", "environment of all its pods; NAME alone takes its value from here"),
    flag("--environment <WORD>", "what it is for: DEV, TESTING, STAGING or PRODUCTION (default DEV)"),
    flag("-f, --file <FILE>", "a cluster as the KubeRay API takes it, YAML or JSON, instead of these flags"),
    flag("-d, --detach", "print the name and leave"),
    inWorkspace,
  ],
  notes: [
    "Head and workers get their places all at once. The first use of a version installs it, which takes a minute.",
    "Ends with 1 when the cluster has failed. Ctrl-C leaves, and it goes on (exit code 130).",
  ],
  examples: [
    "berth ray up demo --cpu 2 --memory 4Gi",
    "berth ray up train --workers 2 --worker-gpus 8 -w research",
    "berth ray up -f cluster.yaml --detach",
  ],
  run: async (terminal, [name], options) =>
    (await import("./commands/ray-up.ts")).rayUp(terminal, name, options),
})

const submitCommand = command<RaySubmitOptions>({
  usage: "submit [command...]",
  sentence: "run a command on a Ray cluster that is there, or on one that is made for it alone",
  isPassThrough: true,
  flags: [
    flag("--cluster <NAME>", "run it there; without it a cluster is made, and ended with the job"),
    flag("--name <NAME>", "of the job or submission (default: made up)"),
    listFlag("-e, --env <NAME=VALUE>", "environment of the command; NAME alone takes its value from here"),
    flag("--runtime-env <FILE>", "Ray's runtime environment, YAML or JSON"),
    flag("--entrypoint-cpus <N>", "cores that the command itself holds, as 0.5 (default 0)"),
    flag("--entrypoint-gpus <N>", "GPUs that the command itself holds (default 0)"),
    flag("--timeout <TIME>", "end it after 90s, 30m, 2h, …; without --cluster"),
    flag("--keep <TIME>", "keep its cluster for so long after the end; without --cluster"),
    flag("-f, --follow", "show its log as it grows, until it has ended"),
    ...shapeFlags,
    inWorkspace,
  ],
  notes: [
    "With --follow it ends with 0 when the job has succeeded, else with the command's own exit code where Ray says it.",
    "143: it was stopped; 124: its time was over; 130: Ctrl-C, which leaves, and the job goes on.",
    "One argument with blanks is a line for the shell.",
    "A local folder is sent by Ray's own client: `berth ray dashboard CLUSTER` prints the line that does it.",
  ],
  examples: [
    "berth ray submit --cluster demo --follow -- python -c 'import ray; ray.init(); print(ray.cluster_resources())'",
    "berth ray submit --workers 2 --worker-gpus 8 --follow -- python /shared/train.py",
  ],
  run: async (terminal, args, options) =>
    (await import("./commands/ray-submit.ts")).raySubmit(terminal, args, options),
})

const serveCommand = command<RayServeOptions>({
  usage: "serve <name>",
  sentence: "serve what a Serve configuration says, or change what is served; waits until it serves",
  flags: [
    flag(
      "-f, --file <FILE>",
      "the configuration (V2, YAML), as `serve build` writes it; - is standard input",
    ),
    ...shapeFlags,
    registerFlag,
    flag("-d, --detach", "print the name and leave"),
    inWorkspace,
  ],
  notes: [
    "Another configuration or number of workers is applied where it serves.",
    "Another size or version gets a cluster of its own, which takes over when it serves, at another address.",
    "Ends with 1 when an application cannot be deployed. Ctrl-C leaves, and it goes on (exit code 130).",
  ],
  examples: ["berth ray serve web -f serve.yaml --cpu 2"],
  run: async (terminal, [name = ""], options) =>
    (await import("./commands/ray-serve.ts")).rayServe(terminal, name, options),
})

const looking: readonly CommandSpec[] = [
  command<RayListOptions>({
    usage: "ls",
    aliases: ["list"],
    isDefault: true,
    sentence: "list clusters, jobs and services",
    flags: [inWorkspace, everywhere],
    examples: ["berth ray", "berth ray ls -A"],
    run: async (terminal, _args, options) =>
      (await import("./commands/ray-ls.ts")).rayList(terminal, options),
  }),
  command<RayOneOptions>({
    usage: "status <name>",
    sentence:
      "show a cluster with its pods, submissions and events, a job, a service or a CLUSTER/SUBMISSION",
    flags: [ofKind, inWorkspace],
    examples: ["berth ray status demo", "berth ray status demo/raysubmit_x7kqd"],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/ray-status.ts")).rayStatus(terminal, name, options),
  }),
  command<RayOneOptions>({
    usage: "why <name>",
    sentence: "say why a cluster, job or service waits, and what happened to it",
    flags: [ofKind, inWorkspace],
    examples: ["berth ray why demo", "berth why ray/demo"],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/ray-status.ts")).rayWhy(terminal, name, options),
  }),
  command<RayLogsOptions>({
    usage: "logs <name>",
    sentence: "show what a job, a submission (CLUSTER/SUBMISSION) or a cluster's head or other pod wrote",
    flags: [
      flag("-f, --follow", "of a job or submission: show what comes, until it has ended"),
      flag("--pod <POD>", "of a cluster: this pod (default its head; `berth ray status` names them)"),
      ofKind,
      inWorkspace,
    ],
    notes: ["With -f it ends with the job's exit code, as `berth ray submit --follow` does."],
    examples: ["berth ray logs -f train-1a2b3", "berth ray logs demo/raysubmit_x7kqd", "berth ray logs demo"],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/ray-logs.ts")).rayLogs(terminal, name, options),
  }),
  command<RayOptions>({
    usage: "dashboard <cluster>",
    sentence: "print where a cluster's dashboard is, and how curl and Ray's own tools reach it",
    flags: [inWorkspace],
    notes: ["A browser shows its pages only where the server runs with --no-auth: it has no key to send."],
    examples: ["berth ray dashboard demo"],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/ray-dashboard.ts")).rayDashboard(terminal, name, options),
  }),
]

const ending: readonly CommandSpec[] = [
  command<RayOptions>({
    usage: "stop <name...>",
    sentence: "end what jobs or submissions (CLUSTER/SUBMISSION) run; they can still be read",
    flags: [inWorkspace],
    examples: ["berth ray stop train-1a2b3", "berth ray stop demo/raysubmit_x7kqd"],
    run: async (terminal, names, options) =>
      (await import("./commands/ray-end.ts")).rayStop(terminal, names, options),
  }),
  command<RayOneOptions>({
    usage: "rm <name...>",
    sentence:
      "delete clusters, jobs, services and submissions (CLUSTER/SUBMISSION); what runs there is ended",
    flags: [ofKind, inWorkspace],
    examples: ["berth ray rm demo", "berth ray rm train-1a2b3 --kind job"],
    run: async (terminal, names, options) =>
      (await import("./commands/ray-end.ts")).rayRemove(terminal, names, options),
  }),
]

/** The commands about Ray. */
export const rayGroup: GroupSpec = {
  name: "ray",
  sentence: "Ray clusters, jobs and services",
  commands: [upCommand, submitCommand, serveCommand, ...looking, ...ending],
  groups: [rayTemplatesGroup],
}
