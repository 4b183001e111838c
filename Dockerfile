# Two images: `rct` is the program alone, and `valkey` adds a server, so that `conform` needs no
# other machine. script/images makes the folder `root` from a released archive, and builds both.

# An image with valkey-server or redis-server on PATH.
ARG SERVER=valkey/valkey:9.1

FROM scratch AS rct
# The program, and the folders /tmp and /data, to which every user may write.
COPY root/ /
ENV PATH=/usr/local/bin
# rct writes its reports to /data/results.
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/rct"]

FROM ${SERVER} AS valkey
COPY root/usr/local/bin/rct /usr/local/bin/rct
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/rct"]
CMD []
