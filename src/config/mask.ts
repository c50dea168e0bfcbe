// What of a value may be shown in a log line or in a fault.

/** Passwords and tokens out of a URL, also out of one that is malformed: rather too much is hidden than too little. */
export function maskUrls(raw: string): string {
  const items = /^\s*(nats|tls):\/\//i.test(raw) ? raw.split(/,(?=\s*(?:nats|tls):\/\/)/i) : [raw];
  return items.map(maskUrl).join(",");
}

function maskUrl(raw: string): string {
  return (
    raw
      // A password may itself contain an @, and what stands alone before it in nats://<token>@host is the secret.
      .replace(/^(\s*(?:([a-z][a-z0-9+.-]*):\/\/)?)([^:@]*)(:?).*@/is, (_all, start, scheme, user, colon) => {
        const isUser =
          colon === ":" && !/[/?#]/.test(user) && /^(postgres|postgresql|nats|tls|https?)?$/i.test(scheme ?? "");
        return isUser ? `${start}${user}:***@` : `${start}***@`;
      })
      // Without any @ what follows the colon should be a port; if it cannot be one, it may be the password.
      .replace(/(:\/\/[^:/?#@[\]]*:)(?!\*\*\*@|\d{1,5}(?:[/?#,]|$)).*/s, "$1***")
      .replace(/((?:password|passwd|pwd|token|secret)\s*=\s*)('[^']*'|[^&\s]+)/gi, "$1***")
  );
}
