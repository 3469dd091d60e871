#include "render/geometry.h"

int geometry_px(const struct geometry *geo, double units)
{
	return (int)(units * geo->u + 0.5);
}

int geometry_even(const struct geometry *geo, double units)
{
	return (int)(units * geo->u / 2 + 0.5) * 2;
}

int geometry_from_bottom(const struct geometry *geo, double y)
{
	return geo->height - geometry_even(geo, 1080 - y);
}

void geometry_plan(struct geometry *geo, const struct render_options *opt)
{
	int least;

	*geo = (struct geometry){.width = opt->width ? opt->width : 1920,
				 .height = opt->height ? opt->height : 1080};
	least = geo->width < geo->height ? geo->width : geo->height;
	geo->u = least / 1080.0;
	geo->margin = geometry_even(geo, 40);
	geo->flame_width = geo->width - 2 * geo->margin;
	geo->flame_top = geometry_even(geo, 250);
	geo->flame_bottom = geometry_from_bottom(geo, 856);
	geo->gap = geometry_even(geo, 2) > 2 ? geometry_even(geo, 2) : 2;
	geo->row_min = geometry_even(geo, 24);
	geo->row_max = geometry_even(geo, 38);
	geo->max_rows = (geo->flame_bottom - geo->flame_top) / geo->row_min;
	geo->strip_top = geometry_from_bottom(geo, 912);
	geo->strip_bottom = geometry_from_bottom(geo, 1004);
}
