import type { CommandSpec } from "./command-spec.ts"
import { command, flag, insecure, listFlag } from "./command-spec.ts"
import type { AuditOptions } from "./commands/audit.ts"
import type { KeysOptions } from "./commands/keys.ts"
import type { NodesOptions } from "./commands/nodes.ts"
import type { QueueOptions } from "./commands/queue.ts"
import type { UsersOptions } from "./commands/users.ts"
import type { WorkspaceOptions } from "./commands/workspace.ts"
import type { CommonOptions } from "./connect.ts"

/** Commands that share a first word. */
export interface GroupSpec {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly sentence: string
  readonly commands: readonly CommandSpec[]
  readonly groups?: readonly GroupSpec[]
}

const ofWorkspace = flag("-w, --workspace <WORKSPACE>", "only of this workspace")
const inCluster = flag("--cluster <CLUSTER>", "where two clusters have a node of this name")
const everyQueue = flag("--all", "every queue; for server owners")

const queueGroup: GroupSpec = {
  name: "queue",
  sentence: "what waits, and the switches of the queues",
  commands: [
    command<QueueOptions>({
      usage: "list",
      aliases: ["ls"],
      isDefault: true,
      sentence: "list what waits, in order",
      flags: [ofWorkspace, flag("--gpus", "GPU requests, in the one queue of all workspaces")],
      examples: ["berth queue", "berth queue list -w research", "berth queue --gpus"],
      run: async (terminal, _args, options) =>
        (await import("./commands/queue.ts")).queueList(terminal, options),
    }),
    command<QueueOptions>({
      usage: "pause [workspace]",
      sentence: "start nothing more from a queue; what runs goes on",
      flags: [everyQueue],
      examples: ["berth queue pause research", "berth queue pause --all"],
      run: async (terminal, [id], options) =>
        (await import("./commands/queue.ts")).queuePause(terminal, id, options),
    }),
    command<QueueOptions>({
      usage: "resume [workspace]",
      sentence: "start again what waits",
      flags: [
        everyQueue,
        flag("--force", "after a restore: although processes of the time before it run here"),
      ],
      examples: ["berth queue resume research"],
      run: async (terminal, [id], options) =>
        (await import("./commands/queue.ts")).queueResume(terminal, id, options),
    }),
  ],
}

function nodeSwitch(verb: "cordon" | "uncordon" | "drain", sentence: string): CommandSpec {
  return command<NodesOptions>({
    usage: `${verb} <node>`,
    sentence,
    flags: [inCluster],
    examples: [`berth nodes ${verb} gpu-1`],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/nodes.ts")).nodeSwitch(terminal, verb, name, options),
  })
}

const nodesGroup: GroupSpec = {
  name: "nodes",
  aliases: ["node"],
  sentence: "the machines and who may use them",
  commands: [
    command<NodesOptions>({
      usage: "list",
      aliases: ["ls"],
      isDefault: true,
      sentence: "list nodes, what they have and what is free",
      flags: [ofWorkspace, flag("--cluster <CLUSTER>", "only of this cluster")],
      examples: ["berth nodes"],
      run: async (terminal, _args, options) =>
        (await import("./commands/nodes.ts")).nodesList(terminal, options),
    }),
    command<NodesOptions>({
      usage: "show <node>",
      sentence: "show one node and what runs on it",
      flags: [inCluster],
      examples: ["berth nodes show gpu-1"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/nodes.ts")).nodeShow(terminal, name, options),
    }),
    nodeSwitch("cordon", "give a node no new pods"),
    nodeSwitch("uncordon", "give a node pods again"),
    nodeSwitch("drain", "cordon a node, stop what runs on it and queue that again"),
    command<NodesOptions>({
      usage: "assign <node> <workspace>",
      sentence: "give a node to a workspace, for it alone",
      flags: [inCluster],
      examples: ["berth nodes assign gpu-1 research"],
      run: async (terminal, [name = "", id = ""], options) =>
        (await import("./commands/nodes.ts")).nodeAssign(terminal, name, id, options),
    }),
    command<NodesOptions>({
      usage: "unassign <node>",
      sentence: "take a node back from its workspace",
      flags: [inCluster],
      examples: ["berth nodes unassign gpu-1"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/nodes.ts")).nodeAssign(terminal, name, null, options),
    }),
  ],
}

const workspaceFlags = [
  flag("--description <TEXT>", "for people"),
  listFlag("--cluster <CLUSTER>", "where its work may run, in order of preference"),
  flag("--policy <POLICY>", "fifo: a job that does not fit holds the line; balance: whatever fits may run"),
  flag("--preempt", "work of lower priority gives way"),
  flag("--no-preempt", "it does not"),
  flag("--stop-grace <SECONDS>", "between TERM and KILL, 0 to 600"),
  flag("--open-to-all", "every user is an editor"),
  flag("--no-open-to-all", "only members have a role"),
  flag("--publish-services", "node ports of its services answer on every interface (server owners)"),
  flag("--no-publish-services", "they answer on 127.0.0.1 alone"),
  listFlag("--scope <KIND>", "takes only Train, Infer or Authoring work; all = any"),
  flag("--gpu-requests <N>", "GPU requests that hold nodes at a time, or any (server owners)"),
  flag("--auto-gpu", "work that asks for GPUs and finds none held files a GPU request by itself"),
  flag("--no-auto-gpu", "it waits until somebody asks for GPUs"),
  flag("--join-gpu", "work that may outlast a GPU request may use it"),
  flag("--no-join-gpu", "it may not"),
  listFlag("--namespace <NAME>", "a namespace that is its own, beside the one of its name (server owners)"),
  flag("--no-namespaces", "none but the one of its name"),
  flag("--contact <NAME>", "who it is for"),
  flag("--email <ADDRESS>", "where to write to them"),
]

const membersGroup: GroupSpec = {
  name: "members",
  sentence: "who has which role in a workspace",
  commands: [
    command<CommonOptions>({
      usage: "ls <workspace>",
      aliases: ["list"],
      sentence: "list the members",
      examples: ["berth workspace members ls research"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/workspace.ts")).memberList(terminal, id, options),
    }),
    command<CommonOptions & { readonly role?: string }>({
      usage: "add <workspace> <user>",
      sentence: "give a user a role, or another one",
      flags: [flag("--role <ROLE>", "owner, editor or viewer (default editor)")],
      examples: ["berth workspace members add research ada --role owner"],
      run: async (terminal, names, options) =>
        (await import("./commands/workspace.ts")).memberAdd(terminal, names, options),
    }),
    command<CommonOptions>({
      usage: "rm <workspace> <user>",
      sentence: "take a user's role away",
      examples: ["berth workspace members rm research ada"],
      run: async (terminal, names, options) =>
        (await import("./commands/workspace.ts")).memberRemove(terminal, names, options),
    }),
  ],
}

const workspaceGroup: GroupSpec = {
  name: "workspace",
  aliases: ["workspaces", "ws"],
  sentence: "workspaces: who shares what, and by which rules",
  groups: [membersGroup],
  commands: [
    command<CommonOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list the workspaces you have a role in",
      examples: ["berth workspace ls"],
      run: async (terminal, _args, options) =>
        (await import("./commands/workspace.ts")).workspaceList(terminal, options),
    }),
    command<WorkspaceOptions>({
      usage: "create <name>",
      sentence: "make a workspace",
      flags: workspaceFlags,
      examples: ["berth workspace create research --description 'The research team'"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/workspace.ts")).workspaceCreate(terminal, id, options),
    }),
    command<CommonOptions>({
      usage: "show <name>",
      sentence: "show a workspace and its policy",
      examples: ["berth workspace show research"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/workspace.ts")).workspaceShow(terminal, id, options),
    }),
    command<WorkspaceOptions>({
      usage: "set <name>",
      sentence: "change a workspace's policy",
      flags: workspaceFlags,
      examples: ["berth workspace set research --policy balance --preempt"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/workspace.ts")).workspaceSet(terminal, id, options),
    }),
    command<WorkspaceOptions>({
      usage: "rm <name>",
      sentence: "delete a workspace",
      flags: [flag("--force", "also stop the work that lives in it")],
      examples: ["berth workspace rm research"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/workspace.ts")).workspaceRemove(terminal, id, options),
    }),
  ],
}

const keysGroup: GroupSpec = {
  name: "keys",
  aliases: ["key"],
  sentence: "API keys",
  commands: [
    command<KeysOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list keys that hold; a server owner sees everybody's",
      flags: [flag("--all", "revoked and expired ones too")],
      examples: ["berth keys ls"],
      run: async (terminal, _args, options) =>
        (await import("./commands/keys.ts")).keysList(terminal, options),
    }),
    command<KeysOptions>({
      usage: "create <name>",
      sentence: "make a key and print its token, this once",
      flags: [
        flag("--user <USER>", "who it acts as (default: you)"),
        flag("--role <ROLE>", "at most owner, editor or viewer (default: as its user)"),
        flag("-w, --workspace <WORKSPACE>", "only there (default: wherever its user may)"),
        flag("--description <TEXT>", "what it is for"),
        flag("--expires <TIME>", "good for 12h, 90d, … (default: for ever)"),
      ],
      examples: [
        "berth keys create ci --role editor --workspace research --expires 90d",
        "export BERTH_TOKEN=$(berth keys create laptop --user ada)",
      ],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/keys.ts")).keyCreate(terminal, name, options),
    }),
    command<CommonOptions>({
      usage: "revoke <key>",
      sentence: "revoke a key, by its name or id, at once and for ever",
      examples: ["berth keys revoke laptop", "berth keys revoke key_01K0000000000000000000000"],
      run: async (terminal, [id = ""], options) =>
        (await import("./commands/keys.ts")).keyRevoke(terminal, id, options),
    }),
  ],
}

function freeze(verb: "freeze" | "unfreeze", sentence: string): CommandSpec {
  return command<UsersOptions>({
    usage: `${verb} <name>`,
    sentence,
    examples: [`berth users ${verb} ada`],
    run: async (terminal, [name = ""], options) =>
      (await import("./commands/users.ts")).userSet(terminal, name, {
        ...options,
        frozen: verb === "freeze",
      }),
  })
}

const usersGroup: GroupSpec = {
  name: "users",
  aliases: ["user"],
  sentence: "the people",
  commands: [
    command<UsersOptions>({
      usage: "ls",
      aliases: ["list"],
      isDefault: true,
      sentence: "list users",
      examples: ["berth users ls"],
      run: async (terminal, _args, options) =>
        (await import("./commands/users.ts")).usersList(terminal, options),
    }),
    command<UsersOptions>({
      usage: "create <name>",
      sentence: "make a user; a key or a password lets them in",
      flags: [
        flag("--email <ADDRESS>", "their address"),
        flag("--server-role <ROLE>", "owner, viewer or none (default none)"),
      ],
      examples: [
        "berth users create ada",
        "berth users passwd ada",
        "berth keys create ada-laptop --user ada",
      ],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/users.ts")).userCreate(terminal, name, options),
    }),
    command<UsersOptions>({
      usage: "set <name>",
      sentence: "change a user",
      flags: [
        flag("--email <ADDRESS>", "their address; empty = none"),
        flag("--server-role <ROLE>", "owner, viewer or none"),
      ],
      examples: ["berth users set ada --server-role viewer"],
      run: async (terminal, [name = ""], options) =>
        (await import("./commands/users.ts")).userSet(terminal, name, options),
    }),
    command<UsersOptions>({
      usage: "passwd [name]",
      sentence: "set a password, your own unless you name somebody; `berth login` takes it",
      flags: [
        flag("--current", "say the present one first: whoever changes their own must"),
        flag("--remove", "nobody signs in as them any more"),
        insecure,
      ],
      notes: [
        "At a terminal it asks, twice, and shows nothing; else it reads standard input: a line, with --current two.",
      ],
      examples: [
        "berth users passwd",
        "berth users passwd ada < password.txt",
        "berth users passwd ada --remove",
      ],
      run: async (terminal, [name], options) =>
        (await import("./commands/users.ts")).userPassword(terminal, name, options),
    }),
    freeze("freeze", "accept nothing from a user any more, whatever keys they have"),
    freeze("unfreeze", "accept a user again"),
  ],
}

const auditGroup: GroupSpec = {
  name: "audit",
  sentence: "who did what, and what was refused",
  commands: [
    command<AuditOptions>({
      usage: "list",
      aliases: ["ls"],
      isDefault: true,
      sentence: "list records, newest first",
      flags: [
        ofWorkspace,
        flag("--operation <OPERATION>", "only this, as workload.stop"),
        flag("--actor <USER>", "only what this user did"),
        flag("--refused", "only what was refused, counted by the minute; for server owners"),
        flag("--limit <N>", "the newest so many (default 50)"),
      ],
      examples: ["berth audit", "berth audit --refused", "berth audit --actor ada --operation key.create"],
      run: async (terminal, _args, options) =>
        (await import("./commands/audit.ts")).auditList(terminal, options),
    }),
  ],
}

/** The commands of whoever runs the platform, by their first word. */
export const platformGroups: readonly GroupSpec[] = [
  queueGroup,
  nodesGroup,
  workspaceGroup,
  keysGroup,
  usersGroup,
  auditGroup,
]
