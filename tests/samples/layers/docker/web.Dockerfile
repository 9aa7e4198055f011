FROM python:3.12-slim AS base
ARG VERSION
COPY pyproject.toml ./

FROM base AS tests
COPY tests ./tests

FROM base AS runtime
COPY src ./src
EXPOSE 8080
CMD ["python", "-m", "src"]
