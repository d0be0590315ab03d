#!/usr/bin/env pwsh
# The front of build.sh for PowerShell: ./build.ps1 VERB ... (write '--' in quotes, or PowerShell keeps it to itself).
# On Windows the kernel's build runs in WSL, because its programs are Linux programs. Cosmos' devkit there is made of
# Windows programs, and the Cosmos kernel is built by them.
$onWindows = $IsWindows -or $env:OS -eq 'Windows_NT'
if ($onWindows -and "$($args[0])" -like 'cosmos*') {
    dotnet run --project (Join-Path $PSScriptRoot 'tools/Build') --configuration Release '--' @args
} elseif ($onWindows) {
    wsl.exe --cd $PSScriptRoot ./build.sh @args
} else {
    # Quoted once more, or PowerShell puts the names of files in place of words with * or ?.
    $words = @(Join-Path $PSScriptRoot 'build.sh') + $args | ForEach-Object {
        "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($_) + "'"
    }
    Invoke-Expression "& $words"
}
exit $LASTEXITCODE
