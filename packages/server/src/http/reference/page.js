// The reference page of a browser: fetches the documents, with a token where one is needed, and shows them.
/* global document, fetch, Scalar, window */
;(() => {
  const form = document.getElementById("sign-in")
  const complaint = document.getElementById("complaint")

  /** The JSON at a path, or undefined where the server wants another token. */
  async function fetchJson(path, token) {
    const headers = token === "" ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(path, { headers, credentials: "omit" })
    if (answer.status === 401) return undefined
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`)
    return answer.json()
  }

  /** What the viewer shows: every document of the server, or undefined where it wants another token. */
  async function fetchSources(token) {
    const list = await fetchJson("/berth/v1/openapi", token)
    if (!list) return undefined
    return Promise.all(
      list.items.map(async ({ family, title, path }) => ({
        slug: family,
        title,
        content: await fetchJson(path, token),
      })),
    )
  }

  function show(sources, token) {
    form.remove()
    Scalar.createApiReference("#app", {
      sources,
      authentication: {
        preferredSecurityScheme: "bearer",
        securitySchemes: { bearer: { token } },
      },
      // Nothing is fetched from, or sent to, anybody but this server.
      proxyUrl: "",
      withDefaultFonts: false,
      telemetry: false,
      persistAuth: false,
      hideClientButton: true,
      showDeveloperTools: "never",
      agent: { disabled: true },
      mcp: { disabled: true },
      metaData: { title: "Berth – API reference" },
    })
  }

  async function open(token) {
    complaint.textContent = ""
    try {
      const sources = await fetchSources(token)
      if (sources) return show(sources, token)
      complaint.textContent = token === "" ? "" : "The server does not know this token."
    } catch (error) {
      complaint.textContent = error instanceof Error ? error.message : String(error)
    }
    form.hidden = false
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault()
    void open(document.getElementById("token").value.trim())
  })
  void open("")
})()
