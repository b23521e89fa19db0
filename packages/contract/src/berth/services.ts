import { Type, type Static } from "typebox"
import {
  Exact,
  Nullable,
  PageOf,
  PageQuery,
  flag,
  int,
  oneOf,
  serviceStates,
  text,
  timestamp,
} from "../common/index.ts"

const runStatuses = [
  "initializing",
  "provisioning",
  "failed",
  "completed",
  "running",
  "cached",
  "retrying",
  "retried",
  "stopped",
  "stopping",
] as const
const name = { minLength: 1, maxLength: 255 } as const
const uuid = { pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" } as const

/** How a record's health is looked at; what is not given has its usual value. */
export const WatchSettings = Exact(
  {
    intervalSeconds: Type.Optional(
      int("Between two probes, a tenth more or less.", { minimum: 5, maximum: 3600, default: 30 }),
    ),
    timeoutSeconds: Type.Optional(int("For a whole probe.", { minimum: 1, maximum: 30, default: 5 })),
    failureThreshold: Type.Optional(
      int("Failures in a row until it is down.", { minimum: 1, maximum: 10, default: 3 }),
    ),
    successThreshold: Type.Optional(
      int("Successes in a row until it is up.", { minimum: 1, maximum: 10, default: 1 }),
    ),
  },
  "How a record is watched; what is not said is as usual.",
)
export type WatchSettings = Static<typeof WatchSettings>

const joined = Nullable(
  Type.Object({
    kind: oneOf(["workload", "ray-service"], "Which."),
    name: text("Its id, or its namespace/name."),
  }),
  "What of this server it follows.",
)
const watching = {
  intervalSeconds: int("Between two probes."),
  timeoutSeconds: int("For a whole probe."),
  failureThreshold: int("Failures in a row until it is down."),
  successThreshold: int("Successes in a row until it is up."),
  verdict: oneOf(
    ["unknown", "up", "down", "over"],
    "What the last threshold that was met says; over: what it follows has ended for good.",
  ),
  since: Nullable(Type.String(), "Since when the verdict holds."),
  lastProbe: Nullable(
    Type.Object({
      at: timestamp("When."),
      ok: flag("Whether it answered 2xx in time."),
      detail: text("What came of it; nothing of the answer's body."),
      tookMs: int("How long it took."),
    }),
    "null: none yet.",
  ),
  nextProbeAt: Nullable(Type.String(), "null: it has no address, or its owner says that nobody is there."),
}
const history = Type.Array(
  Type.Object({
    at: timestamp("When."),
    verdict: oneOf(["up", "down", "over"], "What."),
    detail: text("Why."),
  }),
  { description: "Newest first, at most 100." },
)

/** A record that is watched, and what was found. */
export const ServiceWatch = Type.Object(
  {
    serviceId: text("The record."),
    name: text("The record's name."),
    workspaceId: text("The record's workspace."),
    state: Nullable(Type.Enum([...serviceStates]), "The record's state."),
    healthCheckUrl: Nullable(Type.String(), "What is asked, unless it follows something of this server."),
    joined,
    ...watching,
  },
  { description: "A record that is watched, and what was found." },
)
export type ServiceWatch = Static<typeof ServiceWatch>
export const ServiceWatchDetail = Type.Object(
  { ...ServiceWatch.properties, history },
  { description: "A record that is watched, with what was found over time." },
)
export type ServiceWatchDetail = Static<typeof ServiceWatchDetail>
export const ServiceWatchList = PageOf(ServiceWatch, "Newest records first.")
export type ServiceWatchList = Static<typeof ServiceWatchList>

/** Which workspace a list is of. */
export const RegisterQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only of this workspace.")),
})

/** Which records of the register a list shows. */
export const ServiceEntryQuery = Exact({
  ...RegisterQuery.properties,
  name: Type.Optional(text("Only of this name, whatever the case of ASCII letters.")),
  state: Type.Optional(oneOf([...serviceStates], "Only in this state.")),
})

/** A record of the register: what is served where, and how it stands. */
export const ServiceEntry = Type.Object(
  {
    id: text("The record's id, as the services API has it."),
    name: text("Its name; several may have the same."),
    workspaceId: text("Its workspace."),
    type: text("What kind of service, as `model-serving`."),
    flavor: text("By what, as `vllm`."),
    state: Nullable(Type.Enum([...serviceStates]), "How it stands; null: nobody has said."),
    predictionUrl: Nullable(Type.String(), "Where it answers."),
    healthCheckUrl: Nullable(Type.String(), "Where its health is."),
    joined,
    watch: Nullable(
      Type.Object(watching, { description: "What is looked at in time, and what came of it." }),
      "null: it is not watched.",
    ),
    createdAt: timestamp("When it was made."),
    updatedAt: timestamp("When it was last written."),
  },
  { description: "A record of the register: what is served where, and how it stands." },
)
export type ServiceEntry = Static<typeof ServiceEntry>
export const ServiceEntryDetail = Type.Object(
  { ...ServiceEntry.properties, history },
  { description: "A record of the register, with what its watch found over time." },
)
export type ServiceEntryDetail = Static<typeof ServiceEntryDetail>
export const ServiceEntryList = PageOf(ServiceEntry, "Newest first.")
export type ServiceEntryList = Static<typeof ServiceEntryList>

/** What a record is to follow. */
export const RegisterService = Exact(
  {
    join: Exact(
      {
        workload: Type.Optional(text("The id of a workload with a service.", name)),
        rayService: Type.Optional(text("`<namespace>/<name>` of a Ray service.", name)),
      },
      "Exactly one of the two.",
    ),

    name: Type.Optional(text("The record's; default: that of what it follows.", name)),
    labels: Type.Optional(Type.Record(Type.String(), Type.String(), { description: "The record's labels." })),
    watch: Type.Optional(Nullable(WatchSettings, "How it is watched; null: it is not. Default: as usual.")),
  },
  "A record that follows something of this server.",
)
export type RegisterService = Static<typeof RegisterService>
export const RegisteredService = Type.Object(
  {
    id: text("The record's id, as the services API has it."),
    name: text("Its name."),
    workspaceId: text("Its workspace."),
    state: Nullable(Type.Enum([...serviceStates]), "Its state."),
    predictionUrl: Nullable(Type.String(), "Where it answers now."),
    healthCheckUrl: Nullable(Type.String(), "Where its health is."),
  },
  { description: "The record that was made." },
)
export type RegisteredService = Static<typeof RegisteredService>

const registered = {
  id: text("A UUID."),
  workspaceId: text("Its workspace."),
  createdAt: timestamp("When it was made."),
}
const runWritten = {
  name: text("Its name.", name),
  pipelineName: Type.Optional(Nullable(text("A pipeline.", name), "Of which pipeline. Default: null.")),
  modelVersionId: Type.Optional(Nullable(text("A UUID.", uuid), "The model version it made. Default: null.")),
}
export const CreateRun = Exact(
  {
    workspaceId: text("Its workspace.", name),
    ...runWritten,
    status: Type.Optional(oneOf([...runStatuses], "How it stands. Default: running.")),
  },
  "A run of a pipeline.",
)
export type CreateRun = Static<typeof CreateRun>
/** A run of a pipeline that records may link to. */
export const Run = Type.Object(
  {
    ...registered,
    name: text("Its name."),
    pipelineName: Nullable(Type.String(), "Of which pipeline."),
    status: oneOf([...runStatuses], "How it stands."),
    modelVersionId: Nullable(Type.String(), "The model version it made."),
  },
  { description: "A run of a pipeline that records may link to." },
)
export type Run = Static<typeof Run>
export const RunList = PageOf(Run, "Newest first.")
export type RunList = Static<typeof RunList>

export const CreateModelVersion = Exact(
  {
    workspaceId: text("Its workspace.", name),
    modelName: text("The model's.", name),
    name: Type.Optional(Nullable(text("Its own.", name), "Default: null, its number.")),
    stage: Type.Optional(Nullable(text("Such as staging.", name), "Default: null.")),
  },
  "A version of a model.",
)
export type CreateModelVersion = Static<typeof CreateModelVersion>
/** A version of a model that records may link to. */
export const ModelVersion = Type.Object(
  {
    ...registered,
    modelName: text("The model's."),
    modelId: text("The same for all versions of the model in the workspace."),
    number: int("From 1 within the model."),
    name: Nullable(Type.String(), "Its own; null = its number."),
    stage: Nullable(Type.String(), "Such as staging."),
  },
  { description: "A version of a model that records may link to." },
)
export type ModelVersion = Static<typeof ModelVersion>
export const ModelVersionList = PageOf(ModelVersion, "Newest first.")
export type ModelVersionList = Static<typeof ModelVersionList>
