/* SPDX-License-Identifier: MIT */
/* WHvTranslateGva, and lists of it: docs/translate.md. */
#ifndef HV_TRANSLATE_H
#define HV_TRANSLATE_H

#include <stdint.h>

struct vp;

/*
 * WHvTranslateGva with WHV_TRANSLATE_GVA_FLAGS: a result code and a GPA. E_INVALIDARG: unknown
 * flags. The caller owns the VP, as for the next one.
 */
uint32_t translate_gva(struct vp *vp, uint64_t gva, uint64_t flags, uint64_t *code, uint64_t *gpa);

/*
 * WHIT_CALL_TRANSLATE_GVAS: `count` records of struct whit_translation at `buffer`, root-physical.
 * Of each record the GVA is read once, and all of it is written once. E_INVALIDARG: unknown flags,
 * no record or too many. E_POINTER.
 */
uint32_t translate_gvas(struct vp *vp, uint64_t buffer, uint64_t count, uint64_t flags);

#endif
