# Owns the image of one Baton process: `ROLES` says what it does, DATABASE_URL, NATS_URL and HOST_URL are required.
# A wrong setting ends it at once with exit code 78 and one line per fault; SIGTERM drains and exits 0.
FROM node:24-slim AS console

WORKDIR /baton
COPY package.json package-lock.json ./
# Vite's own parts are optional packages.
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY scripts scripts
COPY src src
COPY docs docs
COPY examples examples
RUN node scripts/console.mjs --best && node scripts/site/main.ts --best

FROM node:24-slim

WORKDIR /baton
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# The optional packages are the embedded Postgres and Node itself: here both come from elsewhere.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY machines machines
COPY src src
COPY --from=console /baton/dist dist

USER node
EXPOSE 8085
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8085}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
