# The command and the studio in a container, with films, computing on the processor. docs/studio.md says how to run it.
FROM python:3.12-slim

# Pictures are written with the rights of this user, not of root.
RUN useradd --create-home --uid 1000 painter

WORKDIR /opt/brushwork
# The packages are a layer of their own: they are not installed again when only the program changes.
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY pyproject.toml README.md LICENSE neural_style.py stylize.py vgg.py ./
COPY brushwork ./brushwork
COPY examples/*.jpg examples/*.mp4 examples/credits.json ./examples/
COPY examples/masterpieces/*.jpg ./examples/masterpieces/
RUN pip install --no-cache-dir ".[studio,video]" && rm -r /opt/brushwork/*

USER painter
# Volumes that are mounted here begin with these directories, which belong to the user.
RUN mkdir /home/painter/pictures /home/painter/neural-style /home/painter/.keras
WORKDIR /home/painter/pictures
EXPOSE 8000
ENTRYPOINT ["neural-style"]
CMD ["--help"]
