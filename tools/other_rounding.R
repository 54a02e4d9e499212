# Hand lme4 the rows of every person in another order: sums then round otherwise, as they do on
# another processor. An R profile, which R reads where R_PROFILE_USER names it and nowhere else;
# tools/other_rounding.py does that, and says in ROW_ORDER which order.
#
# The door is lFormula, through which every call of lmer passes, from R, lmerTest or pymer4. What
# it returns is put into the new order as a whole, so the model is the same. Fitted values and
# residuals come back in the order of the caller's rows.

setHook(packageEvent("lme4", "onLoad"), function(...) {
    lme4 <- asNamespace("lme4")
    row_order <- as.integer(Sys.getenv("ROW_ORDER"))
    stopifnot(row_order > 0)

    # The same for the same groups: lmerTest asks for a model twice.
    shuffle_within <- function(group) {
        globals <- globalenv()
        seed <- get0(".Random.seed", globals, inherits = FALSE)
        on.exit(if (is.null(seed)) rm(".Random.seed", envir = globals)
                else assign(".Random.seed", seed, globals))
        set.seed(row_order)
        order <- seq_along(group)
        for (rows in split(order, group)) order[rows] <- rows[sample.int(length(rows))]
        order
    }
    # Picking rows drops what model.frame and model.matrix noted beside them.
    with_attributes <- function(from, to) {
        for (name in setdiff(names(attributes(from)), names(attributes(to))))
            attr(to, name) <- attr(from, name)
        to
    }
    put <- function(name, make) {
        old <- get(name, lme4)
        unlockBinding(name, lme4)
        assign(name, make(old), lme4)
        lockBinding(name, lme4)
    }

    put("lFormula", function(old) function(...) {
        call <- sys.call()
        call[[1]] <- old
        parts <- eval.parent(call)
        # Asked for, fitted values and residuals of rows that were left out have no place in the
        # new order.
        stopifnot(!inherits(attr(parts$fr, "na.action"), "exclude"))
        order <- shuffle_within(parts$reTrms$flist[[1]])
        back <- order(order)
        parts$fr <- with_attributes(parts$fr, parts$fr[order, , drop = FALSE])
        attr(parts$fr, "caller's order") <- back
        parts$X <- with_attributes(parts$X, parts$X[order, , drop = FALSE])
        parts$reTrms$Zt <- parts$reTrms$Zt[, order, drop = FALSE]
        parts$reTrms$Ztlist <- lapply(parts$reTrms$Ztlist, function(Zt) Zt[, order, drop = FALSE])
        for (name in names(parts$reTrms$flist))
            parts$reTrms$flist[[name]] <- parts$reTrms$flist[[name]][order]
        parts
    })
    for (name in c("fitted.merMod", "residuals.merMod")) {
        put(name, function(old) function(object, ...) {
            values <- old(object, ...)
            back <- attr(object@frame, "caller's order")
            if (is.null(back)) values else values[back]
        })
        registerS3method(sub("\\..*", "", name), "merMod", get(name, lme4), lme4)
    }
})
