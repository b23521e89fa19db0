import { Type, type Static } from "typebox"
import { oneOf, text } from "../common/index.ts"
import { EnvelopeOf } from "./envelope.ts"

export const AuthRequestSchema = Type.Object(
  { apiKey: text("An API key.") },
  { description: "Who wants a token." },
)
export const AuthAnswerSchema = EnvelopeOf(
  Type.Object(
    {
      token: text(
        "A token for `Authorization: Bearer`, good for 900 s and never longer than its key. Opaque.",
      ),
    },
    { description: "The token." },
  ),
  "A token.",
)

const RoleSchema = oneOf(
  ["Owner", "Editor", "Viewer"],
  "What the key may do, and never more than its user. Without a workspace an Owner key of a server Owner may do everything, and a Viewer key read everything.",
)

export const CreateApiKeyRequestSchema = Type.Object(
  {
    name: text("For people; several keys may have the same."),
    userName: Type.Optional(
      text(
        "Whose key it is. Default `admin`; where there is no such user that is the caller. Only server Owners make keys for others.",
      ),
    ),
    description: Type.Optional(text("For people.")),
    role: RoleSchema,
    validity: text("Its last day, UTC: `YYYY-MM-DD`.", { pattern: String.raw`^\d{4}-\d{2}-\d{2}$` }),
    workspaceName: Type.Optional(text("It is good there alone. Required for an Editor.")),
  },
  { description: "A new API key." },
)

export const ApiKeyRequestSchema = Type.Object(
  { apiKey: text("The key itself, its id, or the beginning that the list shows.") },
  { description: "Which key." },
)

export const CreateApiKeyAnswerSchema = EnvelopeOf(
  Type.Object({ apiKey: text("The key. It is shown here and never again.") }, { description: "The key." }),
  "A new API key.",
)

export const ListApiKeysQuerySchema = Type.Object(
  { workspaceName: Type.Optional(text("Only keys of this workspace.")) },
  { description: "Which keys." },
)

export const ListedApiKeySchema = Type.Object(
  {
    apiKey: text("Its id, which `DELETE` takes; never the key."),
    prefix: text("The beginning of the key."),
    name: text("For people."),
    userName: text("Whose key it is."),
    description: text("For people."),
    role: RoleSchema,
    validity: text('Its last day, UTC; "" = for ever.'),
    workspaceName: text('Where it is good; "" = wherever its user may act.'),
  },
  { description: "An API key that was not revoked." },
)
export type ListedApiKey = Static<typeof ListedApiKeySchema>

const listed = (description: string) => Type.Array(ListedApiKeySchema, { description })
export const ApiKeyListAnswerSchema = EnvelopeOf(
  Type.Object(
    {
      items: listed("Keys that the caller may see, newest first."),
      data: listed("The same once more: clients read either."),
    },
    { description: "API keys." },
  ),
  "API keys.",
)
