import { Type, type Static, type TProperties } from "typebox"
import { flag, int, Nullable, oneOf, text } from "../common/index.ts"
import { serviceStates } from "../common/index.ts"

/*
 * The requests and answers of the services API as JSON Schema: they document and type, they neither validate nor
 * serialise. Decoders (decode-*.ts, list/) decide what is accepted, encode/ what is sent.
 */

const optional = Type.Optional
const uuid = (description: string) => text(description, { format: "uuid" })
const maybeText = (description: string) => Nullable(Type.String(), description)
const maybeUuid = (description: string) => Nullable(Type.String({ format: "uuid" }), description)
const instant = (description: string) =>
  text(`${description} UTC without a zone: \`2026-01-31T08:15:00.000123\`.`)
const anything = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description })
const maybeAnything = (description: string) =>
  Nullable(Type.Record(Type.String(), Type.Unknown()), description)
const maybeLabels = (description: string) => Nullable(Type.Record(Type.String(), Type.String()), description)

export const ServiceStateSchema = oneOf([...serviceStates], "Lower case, exactly.")
const maybeState = (description: string) => Nullable(ServiceStateSchema, description)

export const ServiceTypeSchema = Type.Object(
  {
    type: text("`model-serving`, or another."),
    flavor: text("`mlflow`, `vllm`, … or another."),
    name: optional(text("A name of the kind.", { default: "" })),
    description: optional(text("What it does.", { default: "" })),
    logo_url: optional(text("A picture.", { default: "" })),
  },
  { description: "What kind of service it is. Unknown members are dropped." },
)

const name = (description: string) => text(description, { maxLength: 255 })
const configNote =
  "How it is started; any object. No two services have the same: the order of keys counts, and 1 is not 1.0."

export const ServiceRequestSchema = Type.Object(
  {
    user: optional(maybeUuid("Ignored: the owner is who asks.")),
    project: uuid("The project; `project_name_or_id` of the query goes before it."),
    name: name("Its name; need not be unique."),
    service_type: ServiceTypeSchema,
    service_source: optional(maybeText("Where its class is, for clients.")),
    admin_state: optional(maybeState("What it should be.")),
    config: anything(configNote),
    labels: optional(maybeLabels("Strings by name.")),
    status: optional(maybeAnything("What was last seen of it; its `state` is one of the states, or null.")),
    endpoint: optional(maybeAnything("Where it is.")),
    prediction_url: optional(maybeText("Where predictions are asked for.")),
    health_check_url: optional(maybeText("Where its health is asked for.")),
    model_version_id: optional(maybeUuid("The model that it serves.")),
    pipeline_run_id: optional(maybeUuid("The run that made it.")),
  },
  { description: "A service to be registered. Unknown members are ignored." },
)
export type ServiceRequest = Static<typeof ServiceRequestSchema>

export const ServiceUpdateSchema = Type.Object(
  {
    name: optional(Nullable(Type.String({ maxLength: 255 }), "A new name.")),
    admin_state: optional(maybeState("What it should be.")),
    service_source: optional(maybeText("Where its class is.")),
    status: optional(maybeAnything("Takes the place of the whole status; `{}` clears it and the state.")),
    endpoint: optional(maybeAnything("Takes the place of the whole endpoint; `{}` clears it.")),
    prediction_url: optional(maybeText('A new address; "" clears it.')),
    health_check_url: optional(maybeText("A new address.")),
    labels: optional(maybeLabels("Take the place of all labels; `{}` clears them.")),
    model_version_id: optional(maybeUuid("Another model.")),
  },
  { description: "What changes. null is the same as absent; unknown members are ignored, `config` too." },
)
export type ServiceUpdate = Static<typeof ServiceUpdateSchema>

/** An object in the form that all share. */
function resource<B extends TProperties>(body: B, parts: TProperties, description: string) {
  return Type.Object(
    {
      body: Type.Object(
        { created: instant("When it was made."), updated: instant("When it last changed."), ...body },
        { description: "What is always there." },
      ),
      ...parts,
      id: uuid("Its id."),
      permission_denied: flag("Always false."),
      name: text("Its name."),
    },
    { description },
  )
}

const none = (description: string) => Type.Null({ description })
const noParts = { metadata: none("Not given here."), resources: none("None.") }
const owned = { user_id: maybeUuid("Whose it is."), project_id: uuid("Where it belongs.") }

const userBody = {
  active: flag("Whether it may log in."),
  activation_token: none("None."),
  full_name: text('Its full name, or "".'),
  email_opted_in: Nullable(Type.Boolean(), "Not asked."),
  is_service_account: flag("Whether it is no person."),
  is_admin: flag("Whether it may do everything."),
  default_project_id: maybeUuid("Where its requests go that name no project."),
  avatar_url: none("None."),
}
export const NestedUserSchema = resource(userBody, noParts, "A user, in short.")
export const UserSchema = resource(
  userBody,
  {
    metadata: Type.Object(
      {
        password_changed_at: none("Not told."),
        email: maybeText("Its address."),
        external_user_id: none("None."),
        user_metadata: anything("Nothing."),
        oidc_claims: anything("Nothing."),
      },
      { description: "The rest." },
    ),
    resources: none("None."),
  },
  "A user.",
)

export const PipelineRunSchema = resource(
  {
    ...owned,
    status: text("How far it is: `completed`, `failed`, …"),
    in_progress: flag("Whether it runs."),
    status_reason: maybeText("Why."),
    index: int("Which run of its pipeline it is."),
    pipeline_id: maybeUuid("Its pipeline."),
    child_key: none("None."),
    root_run_id: none("None."),
  },
  noParts,
  "A run, in short.",
)
export const ModelSchema = resource(owned, noParts, "A model, in short.")
export const ModelVersionSchema = resource(
  {
    ...owned,
    stage: maybeText("`production`, `staging`, …"),
    number: int("Its number within the model."),
    model: ModelSchema,
  },
  noParts,
  "A model's version, in short.",
)

export const ServiceResponseSchema = resource(
  {
    ...owned,
    service_type: ServiceTypeSchema,
    labels: maybeLabels("Strings by name."),
    state: maybeState("What it was last seen as: `state` of its status."),
  },
  {
    metadata: Nullable(
      Type.Object(
        {
          service_source: maybeText("Where its class is."),
          admin_state: maybeState("What it should be."),
          config: anything(configNote),
          status: maybeAnything("What was last seen of it."),
          endpoint: maybeAnything("Where it is."),
          prediction_url: maybeText("Where predictions are asked for."),
          health_check_url: maybeText("Where its health is asked for."),
        },
        { description: "The rest." },
      ),
      "The rest; null where `hydrate` is false.",
    ),
    resources: Type.Object(
      {
        user: Nullable(NestedUserSchema, "Its owner; null when the account is gone."),
        pipeline_run: Nullable(PipelineRunSchema, "The run that made it."),
        model_version: Nullable(ModelVersionSchema, "The model that it serves."),
      },
      { description: "What it belongs to." },
    ),
  },
  "A service.",
)
export type ServiceResponse = Static<typeof ServiceResponseSchema>

export const ProjectResponseSchema = resource(
  { display_name: text("Its name for people.") },
  {
    metadata: Nullable(
      Type.Object(
        { description: text("What it is for."), project_metadata: anything("Nothing.") },
        { description: "The rest." },
      ),
      "The rest; null where `hydrate` is false.",
    ),
    resources: none("None."),
  },
  "A project: a workspace of the server.",
)

export const StackComponentSchema = resource(
  {
    user_id: none("Nobody's."),
    type: text("`orchestrator`, `artifact_store`, …"),
    flavor_name: text("`local`, …"),
    integration: text("`built-in`, …"),
    logo_url: none("None."),
  },
  noParts,
  "A part of a stack, in short.",
)
export const StackResponseSchema = resource(
  { user_id: none("Nobody's.") },
  {
    metadata: Nullable(
      Type.Object(
        {
          components: Type.Record(Type.String(), Type.Array(StackComponentSchema), {
            description: "Its parts by type.",
          }),
          description: text("What it is for."),
          stack_spec_path: none("None."),
          environment: anything("Nothing."),
          secrets: Type.Array(Type.String(), { description: "None." }),
          labels: anything("None."),
        },
        { description: "The rest." },
      ),
      "The rest; null where `hydrate` is false.",
    ),
    resources: Type.Object({ user: none("Nobody's.") }, { description: "What it belongs to." }),
  },
  "A stack: what a client's pipelines run on.",
)

export const ServerInfoSchema = Type.Object(
  {
    id: uuid("The server's id, for its life."),
    name: text("The server's name."),
    version: text("Of the API that is spoken."),
    active: flag("Always true."),
    debug: flag("Always false."),
    deployment_type: text("How the server was set up."),
    database_type: text("`sqlite`, `mysql` or `other`."),
    secrets_store_type: text("`none`."),
    auth_scheme: text("`OAUTH2_PASSWORD_BEARER`."),
    server_url: text('Where the server is, or "".'),
    dashboard_url: text('Where its pages are, or "".'),
    analytics_enabled: flag("Always false."),
    metadata: anything("Nothing."),
    last_user_activity: Nullable(Type.String(), "When somebody last asked for something."),
    pro_dashboard_url: none("None."),
    pro_api_url: none("None."),
    pro_organization_id: none("None."),
    pro_organization_name: none("None."),
    pro_workspace_id: none("None."),
    pro_workspace_name: none("None."),
  },
  { description: "What anybody may know of the server." },
)

export const LoginRequestSchema = Type.Object(
  {
    grant_type: optional(text("`password` or `zenml-api-key`; guessed when absent.")),
    username: optional(text("The user, or with `password` alone none.")),
    password: optional(text("The password, or the API key.")),
  },
  { description: "A form." },
)

export const LoginResponseSchema = Type.Object(
  {
    access_token: text("The token, for `Authorization: Bearer`."),
    token_type: text("`bearer`."),
    expires_in: Nullable(Type.Integer(), "Seconds; null: it does not expire."),
    refresh_token: none("None."),
    csrf_token: none("None."),
    scope: none("None."),
    device_id: none("None."),
    device_metadata: none("None."),
  },
  { description: "A token." },
)

/** A page of a list. */
function pageOf<T extends ReturnType<typeof resource>>(item: T) {
  return Type.Object(
    {
      index: int("Which page it is, from 1.", { minimum: 1 }),
      max_size: int("Most items on a page.", { minimum: 1 }),
      total_pages: int("How many pages there are; 1 when there are no items.", { minimum: 1 }),
      total: int("How many items there are.", { minimum: 0 }),
      items: Type.Array(item, { description: "At most `max_size` of them." }),
    },
    { description: "A page." },
  )
}
export const ServicePageSchema = pageOf(ServiceResponseSchema)
export const ProjectPageSchema = pageOf(ProjectResponseSchema)
export const StackPageSchema = pageOf(StackResponseSchema)

/** Two strings. Not a tuple, which typebox writes as older versions of JSON Schema had them. */
function pair(description: string) {
  return Type.Array(Type.String(), { description, minItems: 2, maxItems: 2 })
}

export const ErrorSchema = Type.Union(
  [
    Type.Object(
      {
        detail: pair("The kind of refusal (`KeyError`, `ValueError`, …), and what is wrong."),
      },
      { description: "A refusal of the rules." },
    ),
    pair(
      "A path, a query or a body that is not of its form: the word `ValueError`, and every fault that was found.",
    ),
    Type.Object(
      {
        detail: text("What is wrong."),
        request_id: optional(text("Of a fault of the server: the request's id.")),
      },
      { description: "Turned away before it was looked into, or a fault of the server." },
    ),
    Type.Object({ error: text("What is wrong.") }, { description: "The server is busy." }),
  ],
  { description: "A refusal." },
)
