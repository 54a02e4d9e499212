# The strategies written in R, without pymer4. Each gets the user's data frame as it is,
# with its own column names and row order.

model_formula <- function(outcome, predictors, random = "") {
    right <- paste(sprintf("`%s`", predictors), collapse = " + ")
    as.formula(paste0("`", outcome, "` ~ ", right, random))
}

tests <- function(estimate, se, df) {
    t <- estimate / se
    half_width <- qt(0.975, df) * se
    cbind(
        estimate = estimate, se = se, df = df, t = t, p = 2 * pt(-abs(t), df),
        ci_low = estimate - half_width, ci_high = estimate + half_width
    )
}

cluster_robust <- function(data, outcome, predictors, group) {
    model <- lm(model_formula(outcome, predictors), data)
    n <- nobs(model)
    k <- length(coef(model))
    g <- length(unique(data[[group]]))
    # Without sandwich's own corrections, which are not pymer4's.
    meat <- sandwich::vcovCL(model, factor(data[[group]]), type = "HC0", cadjust = FALSE)
    list(coefs = tests(coef(model), sqrt(diag(meat) * g / (g - 1) * n / (n - k)), g - k))
}

two_stage <- function(data, outcome, predictors, group) {
    models <- lapply(split(data, data[[group]], drop = TRUE), function(rows) {
        lm(model_formula(outcome, predictors), rows)
    })
    group_coefs <- t(sapply(models, coef))
    rows <- apply(group_coefs, 2, function(values) {
        test <- t.test(values)
        c(test$estimate, test$stderr, test$parameter, test$statistic, test$p.value, test$conf.int)
    })
    list(coefs = t(rows), group_coefs = group_coefs, labels = rownames(group_coefs))
}

multilevel <- function(random) {
    function(data, outcome, predictors, group) {
        terms <- if (random == "full") {
            paste(c("1", sprintf("`%s`", predictors)), collapse = " + ")
        } else "1"
        formula <- model_formula(outcome, predictors, sprintf(" + (%s | `%s`)", terms, group))
        model <- suppressMessages(suppressWarnings(lmerTest::lmer(formula, data)))
        table <- suppressMessages(suppressWarnings(coef(summary(model))))
        by_group <- coef(model)[[group]]
        list(
            coefs = tests(table[, "Estimate"], table[, "Std. Error"], table[, "df"]),
            p = table[, "Pr(>|t|)"],
            group_coefs = as.matrix(by_group), labels = rownames(by_group),
            random_cov = as.matrix(lme4::VarCorr(model)[[group]]),
            residual_sd = sigma(model),
            reml_deviance = -2 * as.numeric(logLik(model)),
            singular = lme4::isSingular(model),
            messages = as.character(unlist(model@optinfo$conv$lme4$messages))
        )
    }
}

mlm_full <- multilevel("full")
mlm_intercept <- multilevel("intercept")
