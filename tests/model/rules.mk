# SPDX-License-Identifier: MIT
# Model checks of the protocols between processors: see the head of each tests/model/*.pml, and tests/model/run.

HOST_SCRIPTS += tests/model/run

.PHONY: model
model: deps ## let spin search the models of what processors do at once
	@B=$(B) tests/model/run
