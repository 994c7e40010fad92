"""Two representations of digits, two classifiers: the library in one breath."""

from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from kernelconv import AffineSubspaceClassifier, ConvKernelNetwork, Scattering2D, load_digits_images

X, y = load_digits_images()
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=500, stratify=y, random_state=0)

scattering = make_pipeline(Scattering2D(J=2), AffineSubspaceClassifier(random_state=0)).fit(X_train, y_train)
print(f"scattering and affine subspaces: {scattering.score(X_test, y_test):.3f}")

ckn = ConvKernelNetwork(n_anchors=(64, 128), patch_size=3, subsampling=2, random_state=0)
kernel = make_pipeline(ckn, RidgeClassifierCV(alphas=[1e-4, 1e-3, 1e-2, 1e-1])).fit(X_train, y_train)
print(f"convolutional kernel network and ridge: {kernel.score(X_test, y_test):.3f}")
print(kernel[0].network_.summary())
