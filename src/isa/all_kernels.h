// Every algorithm, once; an ISA file includes its vector type before this and then defines its row.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../isa_row.h"
#include "../micro/math.inl.h"
#include "../micro/tile.inl.h"
#include "../micro/pack.inl.h"
#include "../micro/curve.inl.h"
#include "../kernels/product.inl.h"
#include "../kernels/weight_gradient.inl.h"
#include "../kernels/grid.inl.h"
#include "../kernels/panels.inl.h"
#include "../kernels/scratch.inl.h"
#include "../kernels/sequence.inl.h"
#include "../kernels/row_sums.inl.h"
#include "../cells/cell.inl.h"
#include "../cells/lstm.inl.h"
#include "../cells/gru.inl.h"
#include "../cells/rnn.inl.h"
#include "../cells/lstm_any.inl.h"
#include "../cells/gru_any.inl.h"
#include "../cells/gru_before.inl.h"
#include "../cells/lstm_projected.inl.h"
#include "../cells/lstm_norm.inl.h"
#include "../kernels/forward.inl.h"
#include "../kernels/tape_gradients.inl.h"
#include "../kernels/backward.inl.h"
#include "../kernels/whole_rows.inl.h"
#include "../kernels/dense.inl.h"
#include "../kernels/elementwise.inl.h"
#include "../kernels/softmax.inl.h"

namespace {

template <class V, class Cell> constexpr lf_cell_kernels cell_of() {
    return {panel_numbers<V, Cell>,
            scratch_numbers<V, Cell>,
            useful_workers<V, Cell>,
            pack_parts<V, Cell>,
            sequence_forward<V, Cell>,
            sequence_backward<V, Cell>};
}

template <class V> constexpr lf_kernels kernels_of() {
    return {{cell_of<V, Lstm>(), cell_of<V, Gru>(), cell_of<V, Rnn>(), cell_of<V, LstmAny>(), cell_of<V, GruAny>(), cell_of<V, GruBefore>(),
             cell_of<V, Projected<Lstm>>(), cell_of<V, Projected<LstmAny>>(), cell_of<V, LstmNorm>()},
            [](const lf_dense *a) { return DenseScratch<V>(*a).total; },
            dense_forward<V>,
            dense_backward<V>,
            apply_update<V>,
            activation<V>,
            add_rows<V>,
            softmax<V>,
            class_gradient<V>,
            probe_fma<V>,
            probe_read<V>};
}

}  // namespace

#define LF_DEFINE_ROW(isa) \
    extern "C" const lf_isa_row lf_row_##isa = {#isa, {kernels_of<Vec<float>>(), kernels_of<Vec<double>>()}}
