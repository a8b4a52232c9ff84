/* SPDX-License-Identifier: MIT */
/*
 * _Static_assert in headers that clients in C++ include, too: the keyword has another name there.
 */
#ifndef X86_STATIC_ASSERT_H
#define X86_STATIC_ASSERT_H

#ifdef __cplusplus
#define _Static_assert static_assert
#endif

#endif
