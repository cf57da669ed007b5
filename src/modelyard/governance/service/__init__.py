"""The operations of governance, and the answers it gives to the guard."""

from modelyard.governance.service.contents import Contents
from modelyard.governance.service.entities import FeatureKeys, FeaturesEraser
from modelyard.governance.service.erasure import Erasing
from modelyard.governance.service.files import FilesEraser
from modelyard.governance.service.governance import GovernanceService
from modelyard.governance.service.log import LogEraser
from modelyard.governance.service.predictions import (
    FoundPredictions,
    KeepsPredictions,
    PredictionsEraser,
    ServingCredentials,
    ServingPredictions,
)
from modelyard.governance.service.pseudonyms import PseudonymsEraser
from modelyard.governance.service.recognition import Recognition
from modelyard.governance.service.runs import RegistryEraser, RunsEraser
from modelyard.governance.service.signing import OwnerToken, SignedIn
from modelyard.governance.service.tables import LakeEraser, LakeRows, NamedKeys
from modelyard.governance.service.traces import TracesEraser
from modelyard.governance.service.words import Words, WordsEraser

__all__ = [
    "Contents",
    "Erasing",
    "FeatureKeys",
    "FeaturesEraser",
    "FilesEraser",
    "FoundPredictions",
    "GovernanceService",
    "KeepsPredictions",
    "LakeEraser",
    "LakeRows",
    "LogEraser",
    "NamedKeys",
    "OwnerToken",
    "PredictionsEraser",
    "PseudonymsEraser",
    "Recognition",
    "RegistryEraser",
    "RunsEraser",
    "ServingCredentials",
    "ServingPredictions",
    "SignedIn",
    "TracesEraser",
    "Words",
    "WordsEraser",
]
