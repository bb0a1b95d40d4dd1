"""Which elements, roles and names of web pages mean what. Lists only; `page` and `html` say how they are used."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(text.split())


FURNITURE_TAGS = words(
    """
    script style noscript template iframe svg canvas object embed video audio map head nav footer input select
    option button textarea datalist dialog menu link meta
    """
)
"""Never article text."""
FURNITURE_ROLES = words(
    """
    navigation banner contentinfo search complementary menu menubar dialog alertdialog toolbar doc-toc
    """
)
"""ARIA roles of what surrounds an article."""
FURNITURE_WORDS = words(
    """
    nav navbar navigation navheader navfooter sidebar sidenav sphinxsidebar breadcrumb breadcrumbs toc toctree
    footer cookie cookies consent gdpr pagination pager paginator share sharing sharedaddy social newsletter
    subscribe advert advertisement ads promo skiplink headerlink permalink anchorjs masthead disqus popup
    signup login linenos lineno linenodiv copybtn tableofcontents topbar
    """
)
"""A class with one of these words between its hyphens is furniture (`left-sidebar`)."""
FURNITURE_NAMES = words(
    """
    hash-link edit-this-page edit-page page-meta td-page-meta skip-link skip-to-content skip-to-main related
    related-posts related-articles site-header page-header-nav global-header line-numbers table-of-contents
    comments comment-list comment-form post-navigation post-meta article-nav entry-footer author-bio
    copy-button code-copy menu main-menu site-menu top-menu search searchbox search-form back-to-top
    on-this-page last-updated gutter rouge-gutter widget widget-area language-switcher version-switcher
    theme-toggle feedback page-feedback announcement banner
    """
)
"""Whole classes that are furniture; their words alone would say too little."""
FURNITURE_IDS = words(
    """
    header footer sidebar nav navigation navbar menu toc tableofcontents breadcrumb breadcrumbs comments
    top-nav cookie-banner secondary search masthead
    """
)
"""Whole ids that are furniture."""
NEVER_BY_NAME = words(
    """
    html body main article h1 h2 h3 h4 h5 h6 pre code tr tbody section
    """
)
"""Elements that are kept whatever they are called."""
LINK_LISTS = words(
    """
    ul ol div table
    """
)
"""Elements that may be menus by what is in them."""
TRANSPARENT = words(
    """
    span font small big sub u s del ins mark abbr cite dfn q var time label bdi bdo data ruby rt rp wbr img
    thead tbody tfoot colgroup col br strike nobr acronym
    """
)
"""Elements within a line that are rendered as their text."""
