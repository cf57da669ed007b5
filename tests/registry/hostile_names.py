"""Globals that have been called, or would be worth calling, from a hostile pickle: what runs, imports, opens or dials.

Each is tried in every form in which a pickle can name and call something. None of them is ever imported here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.registry.opcodes import ONE, call, named

_TEXT = """
__builtin__.apply __builtin__.execfile __builtin__.file __builtin__.reload _aix_support._read_cmd_output _io.FileIO
_osx_support._read_output _pickle.Unpickler _pickle.loads abc.ABCMeta aiohttp.client.ClientSession
aiohttp.web.run_app antigravity.webbrowser.open ast.literal_eval ast.parse asyncio.create_subprocess_shell
asyncio.run atexit.register bdb.Bdb bdb.Bdb.run builtins.apply builtins.breakpoint builtins.classmethod
builtins.delattr builtins.dir builtins.execfile builtins.filter builtins.format builtins.getattr builtins.globals
builtins.help builtins.input builtins.iter builtins.locals builtins.map builtins.max builtins.memoryview
builtins.print builtins.property builtins.reload builtins.setattr builtins.sorted builtins.staticmethod
builtins.super builtins.type builtins.vars bz2.open cProfile.run cProfile.runctx celery.Celery cffi.FFI
cloudpickle.cloudpickle._builtin_type cloudpickle.cloudpickle._function_setstate
cloudpickle.cloudpickle._make_empty_cell cloudpickle.cloudpickle._make_skeleton_class
cloudpickle.cloudpickle.subimport cloudpickle.loads code.InteractiveInterpreter code.interact codecs.open
codeop.compile_command collections.UserDict collections.namedtuple commands.getstatusoutput compileall.compile_file
concurrent.futures.ProcessPoolExecutor contextlib.ExitStack contextlib._GeneratorContextManager copy._reconstruct
copy.copy copy.deepcopy copyreg.__newobj__ copyreg.__newobj_ex__ copyreg.add_extension copyreg.constructor
copyreg.pickle crypt.crypt ctypes.CDLL ctypes.PyDLL ctypes.cdll.LoadLibrary ctypes.util._findLib_gcc
ctypes.util.find_library curses.wrapper dataclasses.make_dataclass dbm.open dill._dill._create_code
dill._dill._create_function dill._dill._eval_repr dill._dill._import_module dill.loads distutils.core.run_setup
distutils.file_util.write_file distutils.spawn.spawn django.core.management.call_command doctest.debug_src
doctest.testsource email.utils.make_msgid ensurepip.bootstrap enum.Enum fabric.Connection fileinput.input
flask.Flask ftplib.FTP functools.cached_property functools.partialmethod functools.reduce functools.singledispatch
gc.get_objects gensim.utils.unpickle getpass.getpass gzip.open http.client.HTTPConnection
http.client.HTTPSConnection httpx.get huggingface_hub.hf_hub_download idlelib.pyshell.main imaplib.IMAP4_stream
imp.load_dynamic imp.load_source importlib.import_module importlib.machinery.SourceFileLoader importlib.reload
importlib.util.spec_from_file_location inspect.getsource io.FileIO io.open itertools.starmap jinja2.Template
jinja2.sandbox.SandboxedEnvironment joblib._parallel_backends.MultiprocessingBackend
joblib.externals.loky.backend.spawn.main joblib.load joblib.memory.Memory jsonpickle.decode keras.layers.Lambda
keras.models.load_model keras.src.saving.saving_lib.load_model keras.utils.get_file lib2to3.main.main
lib2to3.pgen2.grammar.Grammar.loads lib2to3.pgen2.pgen.ParserGenerator lightgbm.basic.ctypes.cdll
lightgbm.compat.Path lightgbm.engine.train linecache.getline linecache.updatecache logging.FileHandler
logging.config.fileConfig logging.config.listen lzma.open mailcap.findmatch mako.template.Template marshal.load
marshal.loads matplotlib.cbook.get_sample_data mlflow.projects.run mlflow.pyfunc.PyFuncModel
mlflow.pyfunc.load_model mlflow.utils.process._exec_cmd mmap.mmap modulefinder.ModuleFinder multiprocessing.Process
multiprocessing.util.spawnv_passfds network.Network nltk.data.load nntplib.NNTP nt.system nturl2path.url2pathname
numpy.DataSource numpy.apply_along_axis numpy.core._internal._ctypes numpy.core.multiarray.fromfile
numpy.ctypeslib.load_library numpy.distutils.exec_command.exec_command numpy.distutils.system_info.system_info
numpy.f2py.compile numpy.f2py.crackfortran.crackfortran numpy.fromfile numpy.fromfunction numpy.frompyfunc
numpy.genfromtxt numpy.lib.format.read_array numpy.lib.npyio.load numpy.load numpy.loadtxt numpy.ma.core._frommethod
numpy.memmap numpy.piecewise numpy.save numpy.testing._private.utils.rundocs numpy.testing._private.utils.runstring
numpy.vectorize onnxruntime.InferenceSession operator.attrgetter operator.call operator.itemgetter
operator.methodcaller optparse.OptionParser os.chmod os.execv os.popen os.putenv os.remove os.rename os.spawnv
os.unlink pandas.DataFrame.query pandas.core.computation.eval.eval pandas.eval pandas.io.common.get_handle
pandas.io.pickle.read_pickle pandas.read_csv pandas.read_pickle paramiko.SSHClient pathlib.Path pathlib.PosixPath
pdb.run pexpect.run pickle.Unpickler pickle.load pickle.loads pip._internal.cli.main.main pip._internal.main
pip.main pkgutil.get_data pkgutil.resolve_name platform._syscmd_file platform.popen plumbum.local popen2.popen3
poplib.POP3 posix.system profile.run pty.spawn py_compile.compile pyarrow.serialize pyclbr.readmodule pydoc.apropos
pydoc.locate pydoc.pipepager pydoc.render_doc pydoc.tempfilepager readline.read_init_file readline.set_completer
reprlib.Repr requests.api.get requests.get rlcompleter.Completer ruamel.yaml.load runpy._run_code runpy.run_module
runpy.run_path sched.scheduler scipy.LowLevelCallable scipy._lib._ccallback.LowLevelCallable scipy.integrate.quad
scipy.io.loadmat scipy.optimize.minimize scipy.weave.inline setuptools.sandbox.run_setup sh.Command shelve.open
shutil.copy shutil.move shutil.rmtree signal.signal site.main sitecustomize.x sklearn.compose.os
sklearn.datasets._base.load_files sklearn.datasets.fetch_openml sklearn.externals.joblib.load
sklearn.feature_extraction.text.CountVectorizer.build_analyzer sklearn.tree.warnings sklearn.utils._joblib.load
sklearn.utils._testing.assert_run_python_script_without_output sklearn.utils.fixes.delayed
sklearn.utils.parallel.Parallel smtplib.SMTP socket.create_connection socket.socket spacy.load sqlite3.connect
statsmodels.iolib.smpickle.load_pickle string.Formatter string.Template.substitute subprocess.call
subprocess.check_output subprocess.getoutput subprocess.run sys.exit sys.setprofile sys.settrace
sysconfig._init_posix tarfile.open telnetlib.Telnet tempfile.mkstemp tensorflow.io.read_file
tensorflow.keras.models.load_model tensorflow.load_library tensorflow.py_function
test.support.script_helper.assert_python_ok this.s threading.Thread threading.Timer timeit.Timer timeit.timeit
tkinter.Tk torch._C._jit_get_operation torch._dynamo.guards.GuardBuilder.get torch._inductor.codecache.compile_file
torch._jit_internal.import_ torch._subclasses.FakeTensor torch._utils._rebuild_wrapper_subclass
torch.ao.quantization.fx._lower_to_native_backend torch.classes.load_library torch.cuda._lazy_init
torch.distributed.rpc.internal._run_function torch.fx.graph_module._forward_from_src
torch.fx.graph_module.reduce_graph_module torch.hub.load torch.hub.load_state_dict_from_url torch.jit.load
torch.jit.script torch.load torch.nn.Module torch.nn.modules.lazy.LazyModuleMixin torch.onnx.utils.export
torch.ops.load_library torch.package.PackageImporter torch.serialization.load torch.storage._load_from_bytes
torch.testing._internal.common_utils.run_tests torch.utils._config_module.ConfigModule.load_config
torch.utils.bottleneck.__main__.run_cprofile torch.utils.collect_env.run torch.utils.cpp_extension.include_paths
torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline torch.utils.data.DataLoader
torch.utils.file_baton.FileBaton trace.Trace transformers.AutoModel.from_pretrained
transformers.dynamic_module_utils.get_class_from_dynamic_module transformers.pipeline turtle.Turtle types.CodeType
types.FunctionType types.MethodType types.ModuleType typing.ForwardRef typing._eval_type typing.get_type_hints
unittest.main urllib.request.urlopen urllib.request.urlretrieve usercustomize.x uuid._get_command_stdout uuid._popen
uvicorn.run venv.create warnings.warn_explicit weakref.finalize webbrowser.open webbrowser.open_new
xgboost.callback.TrainingCallback xgboost.compat.importlib.import_module xgboost.core.ctypes.CDLL xgboost.rabit.init
xgboost.sklearn.json.loads xmlrpc.client.ServerProxy yaml.load yaml.unsafe_load zipfile.ZipFile
zipimport.zipimporter
"""
NAMES = _TEXT.split()


def forms(dotted: str) -> Iterator[tuple[str, bytes]]:
    """A call of a global, in each way in which a pickle can say it."""
    module, _, name = dotted.rpartition(".")
    old = f"c{module}\n{name}\n".encode()
    yield "REDUCE", call(module, name, ONE)
    yield "REDUCE without arguments", call(module, name, b")")
    yield "GLOBAL", old + b"(S'true'\ntR."
    yield "INST", f"(S'true'\ni{module}\n{name}\n.".encode()
    yield "OBJ", b"(" + old + b"S'true'\no."
    yield "NEWOBJ", b"\x80\x04" + named(module, name) + ONE + b"\x81."
    yield "NEWOBJ_EX", b"\x80\x04" + named(module, name) + ONE + b"}\x92."
    yield "as a method of nothing", b"\x80\x04" + named("builtins", "list") + named(module, name) + b"\x85R."
    first, _, rest = dotted.partition(".")
    yield "a dotted name", call(first, rest, ONE)
