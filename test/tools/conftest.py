from pathlib import Path
import sys

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / 'tools'), str(HERE)]
