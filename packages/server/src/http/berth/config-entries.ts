import type { ConfigEntry, ConfigEntryList, ConfigMap, PutConfigEntry } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { ConfigEntries, ConfigEntryView } from "../../domain/ray/index.ts"
import type { Services } from "../services.ts"
import { instant } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"
import { namedBy, placeOf, rayOf } from "./ray-objects.ts"

/** Config maps and secrets; rights are theirs. */
export function configEntryHandlers(services: Services) {
  const maps = entryHandlers(() => rayOf(services).configMaps, toConfigMap)
  const secrets = entryHandlers(() => rayOf(services).secrets, toEntry)
  return {
    listConfigMaps: maps.list,
    getConfigMap: maps.get,
    putConfigMap: maps.put,
    deleteConfigMap: maps.remove,
    listSecrets: secrets.list,
    getSecret: secrets.get,
    putSecret: secrets.put,
    deleteSecret: secrets.remove,
  }
}

function entryHandlers<T>(entries: () => ConfigEntries, show: (view: ConfigEntryView) => T) {
  return {
    async list(request: FastifyRequest): Promise<ConfigEntryList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "namespace"])
      const page = query.page()
      const namespace = query.text("namespace") ?? null
      query.check()
      const cut = pageOf(await entries().list(request.principal, namespace), placeOf, page)
      return { ...cut, items: cut.items.map(toEntry) }
    },
    async get(request: FastifyRequest): Promise<T> {
      return show(await entries().get(request.principal, namedBy(request)))
    },
    async put(request: FastifyRequest): Promise<T> {
      const { data } = request.body as PutConfigEntry
      return show(await entries().put(request.principal, namedBy(request), data))
    },
    async remove(request: FastifyRequest): Promise<void> {
      await entries().delete(request.principal, namedBy(request))
    },
  }
}

function toEntry({ namespace, name, keys, createdAtMs, updatedAtMs }: ConfigEntryView): ConfigEntry {
  return {
    namespace,
    name,
    keys: [...keys],
    createdAt: instant(createdAtMs),
    updatedAt: instant(updatedAtMs),
  }
}

function toConfigMap(view: ConfigEntryView): ConfigMap {
  return { ...toEntry(view), data: { ...view.data } }
}
