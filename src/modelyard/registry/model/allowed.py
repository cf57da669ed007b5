"""The allow-list: which globals a pickle may name, which it may call, and with what.

Strict: exact names of scikit-learn's estimators and of the parts that they are made of, of NumPy's and SciPy's plain
containers, of builtins that hold data, and of what torch, xgboost and lightgbm store. A class here does nothing at its
making but keep what it is given. Nothing that opens, imports, evaluates or calls what it is handed is on the list;
where a callable could be turned by its arguments, `fault_of` looks at them. `RULES` counts the editions.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

RULES = 2


class Use(StrEnum):
    """What a stream may do with a global: call it, or only hold it."""

    CALL = "call"
    VALUE = "value"


_SKLEARN_PARTS = frozenset({
    "calibration", "cluster", "compose", "covariance", "cross_decomposition", "decomposition", "discriminant_analysis",
    "dummy", "ensemble", "feature_extraction", "feature_selection", "frozen", "gaussian_process", "impute", "isotonic",
    "kernel_approximation", "kernel_ridge", "linear_model", "manifold", "mixture", "model_selection", "multiclass",
    "multioutput", "naive_bayes", "neighbors", "neural_network", "pipeline", "preprocessing", "random_projection",
    "semi_supervised", "svm", "tree",
})  # fmt: skip
_NAMES = """
ARDRegression AdaBoostClassifier AdaBoostRegressor AdditiveChi2Sampler AffinityPropagation AgglomerativeClustering
BaggingClassifier BaggingRegressor BayesianGaussianMixture BayesianRidge BernoulliNB BernoulliRBM Binarizer Birch
BisectingKMeans CCA CalibratedClassifierCV CategoricalNB ClassicalMDS ClassifierChain ColumnTransformer ComplementNB
CountVectorizer DBSCAN DecisionTreeClassifier DecisionTreeRegressor DictVectorizer DictionaryLearning DummyClassifier
DummyRegressor ElasticNet ElasticNetCV EllipticEnvelope EmpiricalCovariance ExtraTreeClassifier ExtraTreeRegressor
ExtraTreesClassifier ExtraTreesRegressor FactorAnalysis FastICA FeatureAgglomeration FeatureHasher FeatureUnion
FixedThresholdClassifier FrozenEstimator FunctionTransformer GammaRegressor GaussianMixture GaussianNB
GaussianProcessClassifier GaussianProcessRegressor GaussianRandomProjection GenericUnivariateSelect
GradientBoostingClassifier GradientBoostingRegressor GraphicalLasso GraphicalLassoCV GridSearchCV HDBSCAN
HashingVectorizer HistGradientBoostingClassifier HistGradientBoostingRegressor HuberRegressor IncrementalPCA
IsolationForest Isomap IsotonicRegression KBinsDiscretizer KMeans KNNImputer KNeighborsClassifier KNeighborsRegressor
KNeighborsTransformer KernelCenterer KernelDensity KernelPCA KernelRidge LabelBinarizer LabelEncoder LabelPropagation
LabelSpreading Lars LarsCV Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LatentDirichletAllocation LedoitWolf
LinearDiscriminantAnalysis LinearRegression LinearSVC LinearSVR LocalOutlierFactor LocallyLinearEmbedding
LogisticRegression LogisticRegressionCV MDS MLPClassifier MLPRegressor MaxAbsScaler MeanShift MinCovDet MinMaxScaler
MiniBatchDictionaryLearning MiniBatchKMeans MiniBatchNMF MiniBatchSparsePCA MissingIndicator MultiLabelBinarizer
MultiOutputClassifier MultiOutputRegressor MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV
MultinomialNB NMF NearestCentroid NearestNeighbors NeighborhoodComponentsAnalysis Normalizer NuSVC NuSVR Nystroem OAS
OPTICS OneClassSVM OneHotEncoder OneVsOneClassifier OneVsRestClassifier OrdinalEncoder OrthogonalMatchingPursuit
OrthogonalMatchingPursuitCV OutputCodeClassifier PCA PLSCanonical PLSRegression PLSSVD PassiveAggressiveClassifier
PassiveAggressiveRegressor PatchExtractor Perceptron Pipeline PoissonRegressor PolynomialCountSketch
PolynomialFeatures PowerTransformer QuadraticDiscriminantAnalysis QuantileRegressor QuantileTransformer
RANSACRegressor RBFSampler RFE RFECV RadiusNeighborsClassifier RadiusNeighborsRegressor RadiusNeighborsTransformer
RandomForestClassifier RandomForestRegressor RandomTreesEmbedding RandomizedSearchCV RegressorChain Ridge RidgeCV
RidgeClassifier RidgeClassifierCV RobustScaler SGDClassifier SGDOneClassSVM SGDRegressor SVC SVR SelectFdr SelectFpr
SelectFromModel SelectFwe SelectKBest SelectPercentile SelfTrainingClassifier SequentialFeatureSelector
ShrunkCovariance SimpleImputer SkewedChi2Sampler SparseCoder SparsePCA SparseRandomProjection SpectralBiclustering
SpectralClustering SpectralCoclustering SpectralEmbedding SplineTransformer StackingClassifier StackingRegressor
StandardScaler TSNE TargetEncoder TfidfTransformer TfidfVectorizer TheilSenRegressor TransformedTargetRegressor
TruncatedSVD TunedThresholdClassifierCV TweedieRegressor VarianceThreshold VotingClassifier VotingRegressor
"""
_ESTIMATORS = frozenset(_NAMES.split())

_CALLS: dict[str, str] = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple",
    "__builtin__": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "_reconstructor",
    "copy_reg": "_reconstructor",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "functools": "partial",
    "uuid": "UUID",
    "_codecs": "encode",
    "numpy": "dtype float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool_ bool str_ bytes_ "
    "complex64 complex128 datetime64 timedelta64",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.core.numeric": "_frombuffer",
    "numpy.ma.core": "_mareconstruct",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.interpolate._interpolate": "interp1d",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMModel LGBMRanker LGBMRegressor",
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBClassifier XGBModel XGBRanker XGBRegressor XGBRFClassifier XGBRFRegressor",
    "torch": "Size device",
    "torch._utils": "_rebuild_parameter _rebuild_sparse_tensor _rebuild_tensor _rebuild_tensor_v2",
    "torch.serialization": "_get_layout",
    "torch.nn.parameter": "Parameter",
    "torch.nn.modules.activation": "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid "
    "LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
    "Softshrink Softsign Tanh Tanhshrink Threshold",
    "torch.nn.modules.batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d",
    "torch.nn.modules.container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "torch.nn.modules.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d",
    "torch.nn.modules.dropout": "Dropout Dropout1d Dropout2d",
    "torch.nn.modules.flatten": "Flatten Unflatten",
    "torch.nn.modules.instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "torch.nn.modules.linear": "Bilinear Identity Linear NonDynamicallyQuantizableLinear",
    "torch.nn.modules.normalization": "GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "torch.nn.modules.padding": "ConstantPad1d ConstantPad2d ReflectionPad1d ReflectionPad2d ReplicationPad1d "
    "ReplicationPad2d ZeroPad1d ZeroPad2d",
    "torch.nn.modules.pixelshuffle": "PixelShuffle PixelUnshuffle",
    "torch.nn.modules.pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AvgPool1d AvgPool2d MaxPool1d MaxPool2d",
    "torch.nn.modules.rnn": "GRU GRUCell LSTM LSTMCell RNN RNNCell",
    "torch.nn.modules.sparse": "Embedding EmbeddingBag",
    "torch.nn.modules.transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder "
    "TransformerEncoderLayer",
    "torch.nn.modules.upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
_VALUES: dict[str, str] = {
    "numpy": "ndarray abs absolute cbrt ceil clip cos exp expm1 floor log log10 log1p log2 max mean median min "
    "nan_to_num reciprocal round sign sin sqrt square sum tan tanh",
    "numpy.random._generator": "Generator",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "numpy.ma": "MaskedArray",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox",
    "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence",
    "torch": "BFloat16Storage BoolStorage ByteStorage DoubleStorage FloatStorage HalfStorage IntStorage LongStorage "
    "ShortStorage bfloat16 bool float16 float32 float64 int16 int32 int64 int8 uint8",
    "torch.nn.functional": "gelu relu",
    "torch._C._nn": "gelu",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score "
    "f1_score fbeta_score jaccard_score log_loss matthews_corrcoef precision_score recall_score zero_one_loss",
    "sklearn.metrics._ranking": "average_precision_score ndcg_score roc_auc_score top_k_accuracy_score",
    "sklearn.metrics._regression": "d2_absolute_error_score explained_variance_score max_error mean_absolute_error "
    "mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance mean_squared_error "
    "mean_squared_log_error median_absolute_error r2_score root_mean_squared_error",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_oneway f_regression r_regression",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.metrics.pairwise": "cosine_similarity laplacian_kernel linear_kernel polynomial_kernel rbf_kernel",
}
_SKLEARN_CALLS: dict[str, str] = {
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration",
    "sklearn.cluster._birch": "_CFNode _CFSubcluster",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation "
    "Hyperparameter Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.linear_model._sgd_fast": "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge",
    "sklearn.metrics._dist_metrics": "ChebyshevDistance64 EuclideanDistance32 EuclideanDistance64 HammingDistance64 "
    "HaversineDistance64 ManhattanDistance64 MinkowskiDistance64 SEuclideanDistance64 newObj",
    "sklearn.metrics._scorer": "_CurveScorer _PassthroughScorer _Scorer",
    "sklearn.model_selection._split": "GroupKFold KFold LeaveOneOut RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neighbors._ball_tree": "BallTree BallTree64 newObj",
    "sklearn.neighbors._kd_tree": "KDTree KDTree64 newObj",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "sklearn._loss._loss": "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
    "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss "
    "HalfPoissonLoss HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss",
}


def _table(words: dict[str, str], use: Use) -> dict[tuple[str, str], Use]:
    return {(module, name): use for module, names in words.items() for name in names.split()}


_ALLOWED = {**_table(_VALUES, Use.VALUE), **_table(_CALLS, Use.CALL), **_table(_SKLEARN_CALLS, Use.CALL)}


def use_of(module: str, name: str) -> Use | None:
    """What a stream may do with a global; None if it may not even name it."""
    if (found := _ALLOWED.get((module, name))) is not None:
        return found
    if name in _ESTIMATORS:
        parts = module.split(".")
        inner = [p for p in parts[2:] if p.startswith("test") or not p.isidentifier()]
        if len(parts) > 1 and parts[0] == "sklearn" and parts[1] in _SKLEARN_PARTS and not inner and len(parts) < 5:
            return Use.CALL
    return None


Args = tuple[Any, ...] | None
"""Arguments as the walk knows them: constants, pairs for globals, its own descriptions for the rest."""


def _is_named(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], str)
        and use_of(value[0], value[1]) is not None
    )


def _no_size(args: Args) -> str | None:
    sized = args is None or any(isinstance(a, int) and not isinstance(a, bool) and abs(a) > 1_000_000 for a in args)
    return "it would fill memory with nothing" if sized else None


def _encodes(args: Args) -> str | None:
    plain = args is not None and len(args) == 2 and args[1] in ("latin1", "latin-1", "utf-8", "ascii")
    return None if plain else "it may call other codecs than plain ones"


def _empty_array(args: Args) -> str | None:
    plain = args is not None and len(args) == 3 and _is_named(args[0]) and args[1] == (0,)
    return None if plain else "it makes an array that no pickler makes"


def _first_is_named(args: Args) -> str | None:
    plain = args is not None and len(args) > 0 and (args[0] is None or _is_named(args[0]))
    return None if plain else "it calls what it is handed"


def _default_dict(args: Args) -> str | None:
    return None if args == () else _first_is_named(args)


def _reconstructs(args: Args) -> str | None:
    plain = args is not None and len(args) == 3 and _is_named(args[0]) and _is_named(args[1])
    return None if plain else "it makes objects of what it is handed"


_MADE_BY = ("numpy.random._pickle", "__bit_generator_ctor")


def _generates(args: Args) -> str | None:
    plain = args is not None and all(a == _MADE_BY for a in args[1:])
    return None if plain else "it calls what it is handed"


def _bits(args: Args) -> str | None:
    plain = args is not None and len(args) < 2 and all(isinstance(a, str) or _is_named(a) for a in args)
    return None if plain else "it calls what it is handed"


def _wraps(args: Args) -> str | None:
    named = args is not None and len(args) == 4 and _is_named(args[0]) and _is_named(args[1])
    return None if named else "it makes objects of what it is handed"


def _bare(args: Args) -> str | None:
    return None if args == () else "made with arguments it opens the file that they name"


_FAULTS: dict[tuple[str, str], Callable[[Args], str | None]] = {
    ("_codecs", "encode"): _encodes,
    ("collections", "defaultdict"): _default_dict,
    ("lightgbm.basic", "Booster"): _bare,
    ("xgboost.core", "Booster"): _bare,
    ("copyreg", "_reconstructor"): _reconstructs,
    ("copy_reg", "_reconstructor"): _reconstructs,
    ("functools", "partial"): _first_is_named,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.ma.core", "_mareconstruct"): _wraps,
    ("numpy.random._pickle", "__bit_generator_ctor"): _bits,
    ("numpy.random._pickle", "__randomstate_ctor"): _generates,
    ("numpy.random._pickle", "__generator_ctor"): _generates,
    ("sklearn.metrics._dist_metrics", "newObj"): _first_is_named,
    ("sklearn.neighbors._ball_tree", "newObj"): _first_is_named,
    ("sklearn.neighbors._kd_tree", "newObj"): _first_is_named,
    **{(m, n): _no_size for m in ("builtins", "__builtin__") for n in ("bytearray", "bytes", "range")},
}


def fault_of(key: tuple[str, str], args: Args) -> str | None:
    """Why a call of an allowed global with these arguments is refused; None if it may be made."""
    check = _FAULTS.get(key)
    return check(args) if check is not None else None


def fault_of_state(key: tuple[str, str], said: dict[str, Any]) -> str | None:
    """Why an object of an allowed class is refused for the attributes it is given; None if it may have them."""
    if key[1].endswith("Vectorizer") and said.get("input", "content") != "content":
        return "it opens files that whoever asks for a prediction names"
    return None
