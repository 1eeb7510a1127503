from dunnhumby_pipeline_tests.golden import regenerate

regenerate()
