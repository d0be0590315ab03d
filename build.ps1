#!/usr/bin/env pwsh
# The front of build.sh for PowerShell: ./build.ps1 VERB ... (write '--' in quotes, or PowerShell keeps it to itself).
# The kernel is built by Linux programs: on Windows they run in WSL.
if ($IsWindows -or $env:OS -eq 'Windows_NT') {
    wsl.exe --cd $PSScriptRoot ./build.sh @args
} else {
    & (Join-Path $PSScriptRoot 'build.sh') @args
}
exit $LASTEXITCODE
