"""`hum openapi`: the document served at /openapi.json."""

import json
import sys
from typing import Annotated

import typer
from ruamel.yaml import YAML

from control_api.application import openapi_document
from hum.service import VERSION

app = typer.Typer(add_completion=False)


@app.command()
def openapi(
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML instead of JSON.")] = False,
) -> None:
    """Print the OpenAPI 3.1 document of the control API."""
    document = openapi_document(VERSION)
    if as_yaml:
        YAML(typ="safe", pure=True).dump(document, sys.stdout)
    else:
        print(json.dumps(document, indent=2, ensure_ascii=False))
