"""Maps the folder of configurations into the package, which pyproject.toml cannot say in a line."""

from setuptools import find_packages, setup

# In a folder of its own, so that it can be imported as `configs`, as in a checkout: `cli.SHIPPED`.
setup(
    packages=[*find_packages(include=["jaxcmp*"]), "jaxcmp.shipped.configs"],
    package_dir={"jaxcmp.shipped.configs": "configs"},
)
