# An image for CPUs that serves the model mounted at /model.
FROM python:3.11-slim
WORKDIR /src
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE ./
COPY encswap encswap
COPY plugins plugins
COPY data data
RUN pip install --no-cache-dir -c constraints.txt torch \
    && pip install --no-cache-dir -c constraints.txt ".[korean,onnx,serve]" \
    && useradd --create-home encswap
USER encswap
WORKDIR /home/encswap
EXPOSE 8000
ENTRYPOINT ["encswap"]
CMD ["serve", "/model", "--host", "0.0.0.0"]
