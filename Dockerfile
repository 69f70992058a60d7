# One image, many entry points: `python -m seatbus_<service>` and `seatbus`.
FROM node:22.21-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/seatbus/venv
ENV PATH=/opt/seatbus/venv/bin:$PATH
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY libs/ libs/
COPY services/ services/
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
# The lock also pins what only development needs; the image goes without it, and without an installer.
RUN python -c "import re, tomllib; \
    print(*(re.split('[><=]', d)[0] for d in tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['dev']))" \
    | xargs pip uninstall --yes setuptools pip

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 seatbus \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/seatbus --create-home seatbus
COPY --from=build /opt/seatbus/venv /opt/seatbus/venv
COPY --from=web /src/web/dist /opt/seatbus/web
ENV PATH=/opt/seatbus/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SEATBUS_DATA_DIR=/var/lib/seatbus \
    SEATBUS_WEB_DIR=/opt/seatbus/web \
    SEATBUS_ENVIRONMENT=production
USER 10001:10001
WORKDIR /var/lib/seatbus
VOLUME /var/lib/seatbus
CMD ["seatbus", "--help"]
