// Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations.

// `A`, n by n in rows, is used up: its diagonal ends as the eigenvalues. Column i of `V` is the
// vector of value i.
export function eigen(A, V, n) {
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) V[i * n + j] = i === j ? 1 : 0;
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    let size = 0;
    for (let i = 0; i < n; i++) {
      size += A[i * n + i] * A[i * n + i];
      for (let j = 0; j < i; j++) off += A[i * n + j] * A[i * n + j];
    }
    if (!(off > 1e-30 * size)) return;
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        const a = A[i * n + j];
        if (a === 0) continue;
        const half = (A[j * n + j] - A[i * n + i]) / (2 * a);
        const t = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.sqrt(half * half + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const ki = A[k * n + i];
          const kj = A[k * n + j];
          A[k * n + i] = c * ki - s * kj;
          A[k * n + j] = s * ki + c * kj;
        }
        for (let k = 0; k < n; k++) {
          const ik = A[i * n + k];
          const jk = A[j * n + k];
          A[i * n + k] = c * ik - s * jk;
          A[j * n + k] = s * ik + c * jk;
          const vi = V[k * n + i];
          const vj = V[k * n + j];
          V[k * n + i] = c * vi - s * vj;
          V[k * n + j] = s * vi + c * vj;
        }
      }
    }
  }
}
