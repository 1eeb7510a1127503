SELECT
  *
FROM (
  SELECT
    `t9`.`window`,
    `t9`.`household_key`,
    COUNT(*) AS `n_redemptions`,
    SUM(CAST(COALESCE(`t9`.`description` = 'TypeA', FALSE) AS DOUBLE)) AS `redeemed_typea`,
    SUM(CAST(COALESCE(`t9`.`description` = 'TypeB', FALSE) AS DOUBLE)) AS `redeemed_typeb`,
    SUM(CAST(COALESCE(`t9`.`description` = 'TypeC', FALSE) AS DOUBLE)) AS `redeemed_typec`
  FROM (
    SELECT
      `t3`.`household_key`,
      `t3`.`day`,
      `t3`.`coupon_upc`,
      `t3`.`campaign`,
      `t8`.`window`,
      `t8`.`first_day`,
      `t8`.`index_day`,
      `t5`.`campaign` AS `campaign_right`,
      `t5`.`description`
    FROM `coupon_redemptions` AS `t3`
    INNER JOIN (
      SELECT
        *
      FROM (
        SELECT
          `t2`.`window`,
          `t2`.`first_day`,
          `t2`.`index_day`,
          EXPLODE(
            IF(
              (
                1 <> 0
              ) AND (
                SIGN(1) = SIGN(`t2`.`index_day` - `t2`.`first_day`)
              ),
              IF(
                ELEMENT_AT(
                  SEQUENCE(`t2`.`first_day`, `t2`.`index_day`, 1),
                  SIZE(SEQUENCE(`t2`.`first_day`, `t2`.`index_day`, 1))
                ) = `t2`.`index_day`,
                SLICE(
                  SEQUENCE(`t2`.`first_day`, `t2`.`index_day`, 1),
                  1,
                  SIZE(SEQUENCE(`t2`.`first_day`, `t2`.`index_day`, 1)) - 1
                ),
                SEQUENCE(`t2`.`first_day`, `t2`.`index_day`, 1)
              ),
              ARRAY()
            )
          ) AS `day`
        FROM `windows` AS `t2`
      ) AS `t6`
    ) AS `t8`
      ON `t3`.`day` = `t8`.`day`
    LEFT OUTER JOIN (
      SELECT
        `t1`.`campaign`,
        `t1`.`description`
      FROM `campaigns` AS `t1`
    ) AS `t5`
      ON `t3`.`campaign` = `t5`.`campaign`
  ) AS `t9`
  GROUP BY
    1,
    2
) AS `t10`
ORDER BY
  `t10`.`window` ASC NULLS LAST,
  `t10`.`household_key` ASC NULLS LAST
