# Other images of a service, for tests of updates: the next one, and one that ends at once.
ARG IMAGE
FROM ${IMAGE} AS next
LABEL next=true

FROM ${IMAGE} AS broken
CMD ["sh", "-c", "exit 1"]
