import { Type, type Static } from "typebox"
import { Exact, PageOf, PageQuery, text, timestamp } from "../common/index.ts"

const entryMembers = {
  namespace: text("Its namespace."),
  name: text("Unique in the namespace."),
  keys: Type.Array(Type.String(), { description: "The keys that it has a value for, in order." }),
  createdAt: timestamp("When it was made."),
  updatedAt: timestamp("When its data was last replaced."),
}

const values = Type.Record(Type.String(), Type.String())

/** A config map or a secret, without its values. */
export const ConfigEntry = Type.Object(entryMembers, {
  description:
    "Named texts that Ray pods get as files or variables: a config map or a secret, without its values.",
})
export type ConfigEntry = Static<typeof ConfigEntry>
export const ConfigEntryList = PageOf(ConfigEntry, "By namespace and name.")
export type ConfigEntryList = Static<typeof ConfigEntryList>

export const ConfigMap = Type.Object(
  { ...entryMembers, data: { ...values, description: "The values by key." } },
  { description: "A config map with its values." },
)
export type ConfigMap = Static<typeof ConfigMap>

export const PutConfigEntry = Exact(
  {
    data: {
      ...values,
      description:
        "All of its values by key, at most 1 MiB in all; a key has 1 to 253 letters, digits, `-`, `_` and `.`.",
    },
  },
  "What a config map or secret is to hold.",
)
export type PutConfigEntry = Static<typeof PutConfigEntry>

/** Lists of what is in namespaces. */
export const NamespaceQuery = Exact({
  ...PageQuery.properties,
  namespace: Type.Optional(text("Only what is in this namespace; absent: in any that the caller may see.")),
})
export type NamespaceQuery = Static<typeof NamespaceQuery>
