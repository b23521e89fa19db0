import type { CommandSpec, FlagSpec } from "./command-spec.ts"
import { command, flag, listFlag } from "./command-spec.ts"
import type { BindingOptions } from "./commands/gpu-templates.ts"
import type { GetOptions, GpuListOptions } from "./commands/gpus.ts"
import type { PriceOptions } from "./commands/prices.ts"
import type { TimelineOptions } from "./commands/timeline.ts"
import type { CommonOptions } from "./connect.ts"
import type { GpuWishOptions } from "./gpu-wish.ts"
import type { GroupSpec } from "./platform-commands.ts"

const ofWorkspace = flag("-w, --workspace <WORKSPACE>", "only of this workspace")

/** What GPUs, and for how long. */
const wishFlags: readonly FlagSpec[] = [
  flag("-g, --gpus <N>", "GPUs of each node, at least"),
  flag("-n, --nodes <N>", "whole nodes, all or none (default 1)"),
  flag("-m, --model <MODEL>", "GPU model, long or short, as H100 (default: any)"),
  flag("--for <TIME>", "how long, as 90m, 4h, 2d"),
  flag("--instance-type <TYPE>", "exactly this kind of machine (default: any)"),
  flag("--memory <SIZE>", "of each GPU at least, as 80GB or 79GiB"),
  flag("--priority <PRIORITY>", "low, medium, high or 0 to 300 (default medium, 101)"),
  flag("--idle <TIME>", "give it back after so long without use, 30m at most unless the server allows more"),
  flag("--requeue", "back to the queue when a node is lost that nothing can replace"),
]

const askFlags: readonly FlagSpec[] = [
  ...wishFlags,
  listFlag("--cluster <CLUSTER>", "where, in order of preference (default: the workspace's)"),
  flag("-w, --workspace <WORKSPACE>", "for whom (default `default`) [BERTH_WORKSPACE]"),
  flag("--template <NAME>", "what is not said here is as in this template"),
]

const getCommand = command<GetOptions>({
  usage: "get",
  sentence: "ask for whole GPU nodes for a time; prints the id, when they come and why not now",
  flags: [
    ...askFlags,
    flag("--name <NAME>", "for people (default: made from the shape)"),
    flag("--wait", "until it has them, and say why it waits meanwhile"),
    flag("-d, --detach", "print the id and leave"),
  ],
  notes: [
    "The nodes belong to the workspace from then on: `berth run -w WORKSPACE --gpus N` uses them.",
    "--wait ends with 0 once it has its nodes, with 1 when it left the queue otherwise. Ctrl-C leaves it queued (130).",
  ],
  examples: [
    "berth gpus get --gpus 8 --nodes 2 --model H100 --for 4h --wait",
    "id=$(berth gpus get --gpus 1 --for 30m --idle 10m --detach)",
  ],
  run: async (terminal, _args, options) => (await import("./commands/gpus.ts")).gpusGet(terminal, options),
})

const estimateCommand = command<GpuWishOptions>({
  usage: "estimate",
  sentence: "say when such a request would start, and what would start sooner; changes nothing",
  flags: askFlags,
  examples: ["berth gpus estimate --gpus 8 --nodes 4 --model H100 --for 1d"],
  run: async (terminal, _args, options) =>
    (await import("./commands/gpu-estimate.ts")).gpusEstimate(terminal, options),
})

type OneRequest = "gpusShow" | "gpusRelease" | "gpusCancel"

function oneRequest(verb: string, run: OneRequest, sentence: string): CommandSpec {
  return command<CommonOptions>({
    usage: `${verb} <request>`,
    sentence,
    examples: [`berth gpus ${verb} gpr-1a2b3c4d-5e6f`],
    run: async (terminal, [id = ""], options) =>
      (await import("./commands/gpus.ts"))[run](terminal, id, options),
  })
}

const requestCommands: readonly CommandSpec[] = [
  getCommand,
  command<GpuListOptions>({
    usage: "ls",
    aliases: ["list"],
    isDefault: true,
    sentence: "list what waits for GPUs and what holds them",
    flags: [ofWorkspace, flag("-a, --all", "also what is over")],
    examples: ["berth gpus", "berth gpus ls -w research --all"],
    run: async (terminal, _args, options) => (await import("./commands/gpus.ts")).gpusList(terminal, options),
  }),
  oneRequest("show", "gpusShow", "show one GPU request"),
  oneRequest("release", "gpusRelease", "give its nodes back now; what runs on them is ended"),
  oneRequest("cancel", "gpusCancel", "take it out of the queue"),
  command<CommonOptions & { readonly by?: string }>({
    usage: "extend <request>",
    sentence: "hold its nodes for longer, where that pushes nobody back",
    flags: [flag("--by <TIME>", "how much longer, as 2h")],
    examples: ["berth gpus extend gpr-1a2b3c4d-5e6f --by 2h"],
    run: async (terminal, [id = ""], options) =>
      (await import("./commands/gpus.ts")).gpusExtend(terminal, id, options),
  }),
  estimateCommand,
  command<CommonOptions>({
    usage: "accuracy",
    sentence: "how good the estimates of the last 30 days were",
    examples: ["berth gpus accuracy"],
    run: async (terminal, _args, options) =>
      (await import("./commands/gpu-estimate.ts")).gpusAccuracy(terminal, options),
  }),
]

const templatesGroup: GroupSpec = {
  name: "templates",
  aliases: ["template"],
  sentence: "reusable forms of GPU requests",
  commands: [
    command<CommonOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list templates",
      examples: ["berth gpus templates"],
      run: async (terminal, _args, options) =>
        (await import("./commands/gpu-templates.ts")).templatesList(terminal, options),
    }),
    command<GpuWishOptions>({
      usage: "set <name>",
      aliases: ["create"],
      sentence: "make a template, or replace what it says",
      flags: [
        ...wishFlags,
        listFlag("--cluster <CLUSTER>", "the one cluster that it is for (`berth status` names them)"),
        flag("-w, --workspace <WORKSPACE>", "whose editors may change it, when it is made (default: owners)"),
      ],
      examples: [
        "berth gpus templates set one-node --cluster local --instance-type gpu-8 --model H100 --gpus 8 --for 1d",
      ],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/gpu-templates.ts")).templateSet(terminal, name, options),
    }),
    command<CommonOptions>({
      usage: "rm <name>",
      sentence: "delete a template that no workspace uses",
      examples: ["berth gpus templates rm one-node"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/gpu-templates.ts")).templateRemove(terminal, name, options),
    }),
  ],
}

const bindingsGroup: GroupSpec = {
  name: "bindings",
  aliases: ["binding"],
  sentence: "which templates a workspace uses",
  commands: [
    command<CommonOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list workspaces with their templates",
      examples: ["berth gpus bindings"],
      run: async (terminal, _args, options) =>
        (await import("./commands/gpu-templates.ts")).bindingsList(terminal, options),
    }),
    command<BindingOptions>({
      usage: "set <workspace>",
      sentence: "give a workspace its templates, in place of those that it has",
      flags: [
        listFlag("--template <NAME>", "the first of a cluster is its default"),
        flag("--automatic", "work that asks for GPUs files a request by itself, from the default"),
      ],
      examples: ["berth gpus bindings set research --template one-node --automatic"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/gpu-templates.ts")).bindingSet(terminal, id, options),
    }),
    command<CommonOptions>({
      usage: "rm <workspace>",
      sentence: "take its templates from a workspace",
      examples: ["berth gpus bindings rm research"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/gpu-templates.ts")).bindingRemove(terminal, id, options),
    }),
  ],
}

const gpusGroup: GroupSpec = {
  name: "gpus",
  aliases: ["gpu"],
  sentence: "GPUs for a time: ask, look, give back",
  commands: requestCommands,
  groups: [templatesGroup, bindingsGroup],
}

const onInstance = (sentence: string) => flag("--instance-type <TYPE>", sentence)

const pricesGroup: GroupSpec = {
  name: "prices",
  aliases: ["price"],
  sentence: "what GPUs cost",
  commands: [
    command<CommonOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list prices",
      examples: ["berth prices"],
      run: async (terminal, _args, options) =>
        (await import("./commands/prices.ts")).pricesList(terminal, options),
    }),
    command<PriceOptions>({
      usage: "set <model> <amount> [currency]",
      sentence: "set what one GPU of a model costs for an hour (default currency USD)",
      flags: [onInstance("only on this kind of machine")],
      examples: ["berth prices set H100 2.50", "berth prices set T4 0.35 EUR --instance-type n1-standard-8"],
      run: async (terminal, args, options) =>
        (await import("./commands/prices.ts")).priceSet(terminal, args, options),
    }),
    command<PriceOptions>({
      usage: "rm <model>",
      sentence: "take its prices from a model",
      flags: [onInstance("only the one on this kind of machine")],
      examples: ["berth prices rm T4"],
      run: async (terminal, [model = ""], options) =>
        (await import("./commands/prices.ts")).priceRemove(terminal, model, options),
    }),
  ],
}

/** The commands about GPUs for a time, by their first word. */
export const gpuGroups: readonly GroupSpec[] = [gpusGroup, pricesGroup]

/** Those of one word. */
export const gpuCommands: readonly CommandSpec[] = [
  command<TimelineOptions>({
    usage: "timeline",
    sentence: "draw who had, has and will have which GPU nodes",
    flags: [
      flag("--from <TIME>", "so long ago, as 2d, or an instant in UTC (default 6h)"),
      flag("--to <TIME>", "so far ahead, or an instant (default 24h)"),
      ofWorkspace,
    ],
    notes: ["Nodes next to each other that look alike share a line. -o json has it all as data."],
    examples: ["berth timeline", "berth timeline --from 2d --to 7d -w research"],
    run: async (terminal, _args, options) =>
      (await import("./commands/timeline.ts")).timeline(terminal, options),
  }),
]
