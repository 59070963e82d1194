# One image with every service; the command chooses (docker-compose.yml).

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --workspace --bins --exclude xtask \
    && mkdir /out \
    && for name in lockdown lockdown-backend lockdown-worker lockdown-discord-bot lockdown-telegram-bot; do \
         cp "target/dist/$name" /out/ || exit 1; \
       done

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home lockdown
COPY --from=build /out/ /usr/local/bin/
USER lockdown
WORKDIR /data
ENV LOCKDOWN_DATA_DIR=/data \
    LOCKDOWN_HTTP_ADDR=0.0.0.0:8080 \
    LOCKDOWN_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
# Asked with what the image has: no curl for the sake of one request.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET /health/ready HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3 | grep -q ' 200 '"]
CMD ["lockdown"]
