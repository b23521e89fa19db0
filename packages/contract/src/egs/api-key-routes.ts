import {
  ApiKeyListAnswerSchema,
  ApiKeyRequestSchema,
  AuthAnswerSchema,
  AuthRequestSchema,
  CreateApiKeyAnswerSchema,
  CreateApiKeyRequestSchema,
  ListApiKeysQuerySchema,
} from "./api-key-schemas.ts"
import { NothingAnswerSchema } from "./answers.ts"
import type { EgsRoute } from "./route.ts"

/** Signing in, and API keys, by name. */
export const apiKeyRoutes = {
  auth: {
    method: "POST",
    path: "/api/v1/auth",
    tag: "auth",
    summary: "Exchange an API key for a token",
    description:
      "May be asked before every call. A key whose record is broken is a 400; one that has expired, or is not known, a 401.",
    isOpen: true,
    refusals: [401, 422],
    example: { apiKey: "apiKey" },
    body: AuthRequestSchema,
    answer: AuthAnswerSchema,
  },
  createApiKey: {
    method: "POST",
    path: "/api/v1/api-key",
    tag: "api-key",
    summary: "Create an API key",
    description:
      "Owners only: of the server, or of the workspace that is named. The key is in the answer and nowhere else, ever.",
    refusals: [404, 422],
    example: {
      name: "ci",
      userName: "admin",
      description: "for the pipeline",
      role: "Editor",
      validity: "2030-12-31",
      workspaceName: "research",
    },
    body: CreateApiKeyRequestSchema,
    answer: CreateApiKeyAnswerSchema,
  },
  deleteApiKey: {
    method: "DELETE",
    path: "/api/v1/api-key",
    tag: "api-key",
    summary: "Revoke an API key",
    description: "It and its tokens stop working at once.",
    refusals: [404, 422],
    example: { apiKey: "key_01K00000000000000000000000" },
    body: ApiKeyRequestSchema,
    answer: NothingAnswerSchema,
  },
  listApiKeys: {
    method: "GET",
    path: "/api/v1/api-key/list",
    tag: "api-key",
    summary: "List API keys",
    description: "Never the keys themselves.",
    refusals: [404, 422],
    query: ListApiKeysQuerySchema,
    answer: ApiKeyListAnswerSchema,
  },
} as const satisfies Readonly<Record<string, EgsRoute>>
