SELECT
  *
FROM (
  SELECT
    `t7`.`window`,
    `t7`.`household_key`,
    SUM(CAST(`t7`.`description` = 'TypeA' AS DOUBLE)) AS `received_typea`,
    SUM(
      CAST((
        `t7`.`description` = 'TypeA'
      ) AND (
        `t7`.`end_day` >= `t7`.`index_day`
      ) AS DOUBLE)
    ) AS `active_typea`,
    SUM(CAST(`t7`.`description` = 'TypeB' AS DOUBLE)) AS `received_typeb`,
    SUM(
      CAST((
        `t7`.`description` = 'TypeB'
      ) AND (
        `t7`.`end_day` >= `t7`.`index_day`
      ) AS DOUBLE)
    ) AS `active_typeb`,
    SUM(CAST(`t7`.`description` = 'TypeC' AS DOUBLE)) AS `received_typec`,
    SUM(
      CAST((
        `t7`.`description` = 'TypeC'
      ) AND (
        `t7`.`end_day` >= `t7`.`index_day`
      ) AS DOUBLE)
    ) AS `active_typec`
  FROM (
    SELECT
      `t6`.`household_key`,
      `t6`.`campaign`,
      `t3`.`description`,
      `t3`.`start_day`,
      `t3`.`end_day`,
      `t4`.`window`,
      `t4`.`first_day`,
      `t4`.`index_day`
    FROM (
      SELECT
        `t0`.`household_key`,
        `t0`.`campaign`
      FROM `campaign_targets` AS `t0`
    ) AS `t6`
    INNER JOIN `campaigns` AS `t3`
      ON `t6`.`campaign` = `t3`.`campaign`
    INNER JOIN `windows` AS `t4`
      ON `t3`.`start_day` < `t4`.`index_day`
  ) AS `t7`
  GROUP BY
    1,
    2
) AS `t8`
ORDER BY
  `t8`.`window` ASC NULLS LAST,
  `t8`.`household_key` ASC NULLS LAST
