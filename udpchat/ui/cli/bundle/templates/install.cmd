@echo off
rem Installs udpchat from this folder, without a network: install.cmd [FOLDER]
setlocal
for %%v in (@PYTHONS@) do (
    set "found=py -%%v"
    py -%%v -c "" >nul 2>nul && goto run
)
set "found=python"
python -c "import sys; sys.exit('.'.join(map(str, sys.version_info[:2])) not in '@PYTHONS@'.split())" >nul 2>nul && goto run
echo install.cmd: no Python was found that this bundle is for: @TARGETS@ 1>&2
exit /b 1
:run
%found% "%~dp0install.py" %*
exit /b %ERRORLEVEL%
